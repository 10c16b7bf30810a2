"""Two texts as one, word by word: what went, what came, what stayed. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Literal

MOST = 400
"""As many words of each text as are compared."""
_LONGEST = 20_000
How = Literal["same", "gone", "new"]
_WORD = re.compile(r"\s*\S{1,80}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text that both have, that went, or that came."""

    how: How
    text: str


def words(before: str, after: str) -> tuple[tuple[Piece, ...], bool]:
    """Return how *before* became *after*, and whether some of it was left out."""
    old, new = _words(before), _words(after)
    cut = len(old) > MOST or len(new) > MOST
    cut = cut or max(len(before), len(after)) > _LONGEST
    return tuple(_pieces(old[:MOST], new[:MOST])), cut


def _pieces(old: Sequence[str], new: Sequence[str]) -> list[Piece]:
    plain = [[word.strip() for word in side] for side in (old, new)]
    found: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, *plain, autojunk=False).get_opcodes():
        if tag == "equal":
            _add(found, "same", new[c:d])
        else:
            _add(found, "gone", old[a:b])
            _add(found, "new", new[c:d])
    return found


def _add(found: list[Piece], how: How, side: Sequence[str]) -> None:
    """Add a piece, and before it the space that is neither gone nor new."""
    text = "".join(side)
    words_only = text.lstrip()
    space = text[: len(text) - len(words_only)] or (" " if found else "")
    if words_only:
        found.extend([Piece("same", space)] if space else [])
        found.append(Piece(how, words_only))


def _words(text: str) -> list[str]:
    found = (match[0] for match in _WORD.finditer(text[:_LONGEST]))
    return list(islice(found, MOST + 1))
