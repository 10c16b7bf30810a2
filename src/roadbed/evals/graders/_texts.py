"""Texts made comparable: steps that are declared, words, sentences, hashed n-grams."""

import math
import re
import string
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Step = Literal[
    "unicode", "invisible", "case", "accents", "punctuation", "articles", "whitespace"
]
STEPS: tuple[Step, ...] = ("unicode", "invisible", "case", "punctuation", "whitespace")
MARKS = 30
"""As many as Unicode's stream-safe text has in a row (UAX 15)."""
_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation), " ")
_ARTICLES = frozenset({"a", "an", "the"})
_SENTENCE = re.compile(r"[.!?\u3002\uff01\uff1f]+(?=\s|$)|\n+")
_WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*")
_LITTLE = """
a an and are as at be been but by can could did do does for from had has have he her his
how i if in into is it its may not of on or our she should so some such than that the
their them then there these they this to was we were what when which who will with would
you your
"""
_STOP = frozenset(_LITTLE.split())


def normal(text: str, steps: Sequence[Step] = STEPS) -> str:
    """Return *text* after *steps*, which are taken in one order whatever is asked.

    `unicode` is NFKC, so ligatures and full-width letters are plain ones; `invisible`
    drops characters without a width; `case` folds; `accents` drops them;
    `punctuation` becomes space; `articles` are the English ones.
    """
    if not text.isascii():
        text = _stream_safe(text)
    if "unicode" in steps:
        text = unicodedata.normalize("NFKC", text)
    if "invisible" in steps:
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    if "case" in steps:
        text = text.casefold()
    if "accents" in steps:
        text = _without_accents(text)
    return _spaced(text, steps)


def words(text: str) -> list[str]:
    """Return the words of *text*, folded; numbers keep their decimals."""
    return _WORD.findall(normal(text, ("unicode", "invisible", "case")))


def telling(text: str) -> list[str]:
    """Return the words of *text* that carry its meaning."""
    return [word for word in words(text) if word not in _STOP]


def sentences(text: str, most: int) -> list[str]:
    """Return at most *most* sentences or lines that say something."""
    found = (part.strip(" \t\r-*•#>") for part in _SENTENCE.split(text))
    return [part for part in found if len(part) > 1][:most]


def cosine(left: str, right: str) -> float:
    """Return how much two texts look alike, from 0 to 1: words, and 3 to 5 letters.

    Counts are damped by a logarithm. Nothing is learned, so nothing can drift.
    """
    import numpy as np

    if left == right:
        return 1.0
    (a, x), (b, y) = _profile(left), _profile(right)
    length = math.sqrt(float(x @ x) * float(y @ y))
    _, at, to = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return min(1.0, float(x[at] @ y[to]) / length) if length else 0.0


def _profile(text: str) -> "tuple[np.ndarray, np.ndarray]":
    """Return the hashes of n-grams and words, and their damped counts."""
    import numpy as np

    plain = f" {' '.join(words(text))} "
    codes = np.frombuffer(plain.encode("utf-32-le", "replace"), "<u4").astype("u8")
    runs = [_hashed(codes, size) for size in (3, 4, 5) if len(codes) >= size]
    hashes, counts = np.unique(
        np.concatenate([*runs, _word_hashes(codes)]), return_counts=True
    )
    return hashes, np.log1p(counts)


def _hashed(codes: "np.ndarray", size: int) -> "np.ndarray":
    """Return the hash of each run of *size* characters."""
    import numpy as np

    runs = np.full(len(codes) - size + 1, size, "u8")
    for at in range(size):
        runs = runs * np.uint64(1_000_003) + codes[at : len(codes) - size + 1 + at]
    return _mixed(runs)


def _word_hashes(codes: "np.ndarray") -> "np.ndarray":
    """Return the hash of each whole word, a sum over its characters."""
    import numpy as np

    ends = np.flatnonzero(codes == ord(" "))
    if len(ends) < 2:
        return np.zeros(0, "u8")
    at = np.arange(len(codes), dtype="u8")
    starts = np.zeros(len(codes), "u8")
    starts[ends] = ends.astype("u8")
    place = at - np.maximum.accumulate(starts)
    mixed = _mixed(codes * np.uint64(0x9E3779B97F4A7C15) + place)
    total = np.concatenate([np.zeros(1, "u8"), np.cumsum(mixed, dtype="u8")])
    return total[ends[1:]] - total[ends[:-1] + 1]


def _mixed(values: "np.ndarray") -> "np.ndarray":
    import numpy as np

    values = (values ^ (values >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return values ^ (values >> np.uint64(29))


def _stream_safe(text: str) -> str:
    """Return *text* without runs of over 30 marks, which are slow to put in order."""
    kept, marks = list[str](), 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MARKS:
            kept.append(character)
    return "".join(kept)


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return "".join(c for c in apart if not unicodedata.combining(c))


def _spaced(text: str, steps: Sequence[Step]) -> str:
    if "punctuation" in steps:
        text = text.translate(_PUNCTUATION)
        if not text.isascii():
            text = "".join(
                " " if unicodedata.category(c)[0] == "P" else c for c in text
            )
    if "articles" in steps:
        text = " ".join(w for w in text.split() if w.lower() not in _ARTICLES)
    return " ".join(text.split()) if "whitespace" in steps else text
