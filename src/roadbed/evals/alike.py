"""When two cases ask the same: exactly but for spelling, or nearly."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from roadbed.core.digest import digest_of

NEARLY = 0.8
"""The share of word triples in common from which two texts are nearly the same."""
_BANDS, _ROWS = 8, 4
_SPACE = re.compile(r"\s+")


def text_of(value: Any) -> str:
    """Return all text of an input, as people read it: of messages what each says."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        content = value.get("content", value.get("text"))
        if content is not None:
            return text_of(content)
        return " ".join(f"{name} {text_of(value[name])}" for name in sorted(value))
    if isinstance(value, list | tuple):
        return " ".join(text_of(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def normal(text: str) -> str:
    """Return *text* without what only spells it otherwise, such as case and spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", folded).strip()


def key_of(value: Any) -> str:
    """Return the same digest for inputs that ask the same but for spelling."""
    return digest_of(normal(text_of(value)))


def near(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of texts that are nearly the same: the later, and the earlier.

    Each text is told once, beside the first that it is like. Those that might be are
    found by min-hashing, then compared.
    """
    triples = [_triples(normal(text)) for text in texts]
    seen: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for at, mine in enumerate(triples):
        bands = _signature(mine) if mine else []
        maybe = sorted({other for band in bands for other in seen[band]})
        for other in maybe:
            if _overlap(mine, triples[other]) >= NEARLY:
                yield at, other
                break
        for band in bands:
            seen[band].append(at)


def _triples(text: str) -> frozenset[int]:
    words = text.split(" ")
    pieces = (" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2)))
    hashes = (blake2b(p.encode(), digest_size=8).digest() for p in pieces if p)
    return frozenset(int.from_bytes(each, "big") for each in hashes)


def _signature(triples: frozenset[int]) -> list[tuple[int, ...]]:
    mins = [
        min((each * (2 * row + 1) + row * row) % 0x1FFFFFFFFFFFFFFF for each in triples)
        for row in range(1, _BANDS * _ROWS + 1)
    ]
    return [(band, *mins[band * _ROWS : (band + 1) * _ROWS]) for band in range(_BANDS)]


def _overlap(left: frozenset[int], right: frozenset[int]) -> float:
    return len(left & right) / len(left | right) if left or right else 1.0
