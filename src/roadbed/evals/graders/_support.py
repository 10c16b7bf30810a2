"""Whether documents bear a claim out, as far as words and numbers can tell.

This does not read: it finds the passage that has most of the claim's words, and holds
numbers to be there exactly. A claim that turns a sentence round with its own words is
not found out; a judge may.
"""

import re
from collections.abc import Sequence

import roadbed.evals.graders._texts as texts
from roadbed.evals.graders._reading import Unfit, read_json

CLAIMS = 100
WORDS = 80
PASSAGE = 60
PASSAGES = 4000
CHARACTERS = 500_000
_NUMBER = re.compile(r"[0-9][0-9.,]*")
_MARKS = re.compile(r"\[[^\[\]\n]{1,60}\]")


def claims_of(answer: str) -> list[str]:
    """Return the sentences of an answer that claim something, marks left out."""
    plain = _MARKS.sub(" ", answer)
    said = [s for s in texts.sentences(plain, 10 * CLAIMS) if not s.endswith("?")]
    return [claim for claim in said if texts.telling(claim)][:CLAIMS]


class Passages:
    """Documents, cut into passages that overlap by half; 500,000 characters at most."""

    def __init__(self, documents: Sequence[str]) -> None:
        self._of = dict[str, list[int]]()
        self._size = 0
        left = CHARACTERS
        for document in documents:
            self._add(texts.words(_text(document)[:left]))
            left -= len(document)
            if left <= 0 or self._size >= PASSAGES:
                break

    def support(self, claim: str) -> float:
        """Return how much of *claim* stands in the best passage, from 0 to 1.

        It is the share of the words that carry meaning; 0 if a number is missing.
        """
        wanted = list(dict.fromkeys(texts.telling(claim)))[:WORDS]
        if not wanted or not self._size:
            return 0.0
        numbers = [word for word in wanted if _NUMBER.fullmatch(word)]
        if any(number not in self._of for number in numbers):
            return 0.0
        return self._best(wanted) / len(wanted)

    def _best(self, wanted: Sequence[str]) -> int:
        import numpy as np

        counts = np.zeros(self._size, np.int64)
        for word in wanted:
            counts[self._of.get(word, [])] += 1
        return int(counts.max())

    def _add(self, words: Sequence[str]) -> None:
        for start in range(0, max(1, len(words)), PASSAGE // 2):
            if self._size >= PASSAGES:
                return
            for word in set(words[start : start + PASSAGE]):
                self._of.setdefault(word, []).append(self._size)
            self._size += 1


def _text(document: str) -> str:
    """Return what a document says: its `text`, if it is JSON that has one."""
    if not document.lstrip().startswith("{"):
        return document
    try:
        value = read_json(document)
    except Unfit:
        return document
    said = value.get("text") if isinstance(value, dict) else None
    return said if isinstance(said, str) else document
