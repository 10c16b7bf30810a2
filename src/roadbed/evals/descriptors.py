"""Fifteen plain numbers of a text that move when a model's manner does.

Updates of a model that nobody announced change style and behaviour and keep the topic:
length, lists, openings, refusals. These numbers see that, at a tenth of a millisecond
per text, and need no other model.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

LONGEST = 20_000
"""Characters of a text that are looked at. Its length is counted in full."""

OPENERS = (
    "absolutely", "as a ", "as an ", "certainly", "here are", "here is", "here's",
    "i'd be happy", "i'm happy", "of course", "sure", "thank you", "thanks", "to ",
)  # fmt: skip
REFUSALS = (
    "as a language model", "as an ai", "against my", "can't assist", "can't help",
    "cannot assist", "cannot help", "cannot provide", "i am not able", "i am unable",
    "i can't", "i cannot", "i'm not able", "i'm sorry", "i'm unable",
    "unable to provide",
)  # fmt: skip

_WORD = re.compile(r"[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)?")
_SENTENCE = re.compile(r"[.!?](?=\s|$)")
_ITEM = re.compile(r"[-*\N{BULLET}+] |\d{1,3}[.)] ")


@dataclass(frozen=True, slots=True)
class _Text:
    whole: str
    seen: str
    low: str
    words: list[str]
    lines: list[str]

    def per_word(self, count: float) -> float:
        """Return *count* per word, 0 of a text without words."""
        return count / len(self.words) if self.words else 0.0

    def per_line(self, count: float) -> float:
        """Return *count* per line that is not empty."""
        return count / len(self.lines) if self.lines else 0.0


def _variety(text: _Text) -> float:
    """Different words among the first hundred: of a whole text, it falls by length."""
    first = [word.lower() for word in text.words[:100]]
    return len(set(first)) / len(first) if first else 0.0


def _sentences(text: _Text) -> float:
    ends = len(_SENTENCE.findall(text.seen))
    return len(text.words) / max(ends, 1)


DESCRIPTORS: dict[str, Callable[[_Text], float]] = {
    "length": lambda t: float(len(t.whole)),
    "words per sentence": _sentences,
    "letters per word": lambda t: t.per_word(sum(map(len, t.words))),
    "variety of words": _variety,
    "list items": lambda t: t.per_line(sum(1 for x in t.lines if _ITEM.match(x))),
    "headings": lambda t: t.per_line(sum(1 for x in t.lines if x.startswith("#"))),
    "bold": lambda t: t.per_word(t.seen.count("**") // 2),
    "code": lambda t: t.per_word(t.seen.count("`")),
    "exclamation marks": lambda t: t.per_word(t.seen.count("!")),
    "question marks": lambda t: t.per_word(t.seen.count("?")),
    "commas": lambda t: t.per_word(t.seen.count(",")),
    "digits": lambda t: sum(map(str.isdigit, t.seen)) / max(len(t.seen), 1),
    "capitals": lambda t: sum(map(str.isupper, t.seen)) / max(len(t.seen), 1),
    "refusals": lambda t: float(any(phrase in t.low for phrase in REFUSALS)),
    "openers": lambda t: float(t.low.startswith(OPENERS)),
}
"""What each number is called, and what it counts."""


def describe(text: str) -> dict[str, float]:
    """Return the fifteen numbers of *text*; all are finite, also of an empty text."""
    looked = _look(text)
    return {name: count(looked) for name, count in DESCRIPTORS.items()}


def _look(text: str) -> _Text:
    seen = text[:LONGEST]
    low = seen.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()
    lines = [line for raw in seen.splitlines() if (line := raw.strip())]
    return _Text(text, seen, low, _WORD.findall(seen), lines)
