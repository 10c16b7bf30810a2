"""Whether what the answer cites exists, and bears out the sentence that cites it."""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    cut,
    read_json,
    text_of,
)
from roadbed.evals.graders._support import Passages, claims_of
from roadbed.evals.graders._texts import sentences
from roadbed.evals.grading import Grade, Sample

VERSION = 1
SENTENCES = 200
CITED = 500
_MARK = re.compile(r"\[([^\[\]\n]{1,60})\]")


class Config(Expecting):
    """Settings of the grader `citation`."""

    measure: Literal["f1", "precision", "recall", "exists"] = Field(
        default="f1",
        description="`precision`: the share of citations that exist and support their "
        "sentence; `recall`: the share of sentences with one that does; `f1` of both; "
        "`exists`: the share of citations that exist.",
    )
    support: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Which share of the words of a sentence that carry meaning has to "
        "stand in one passage of what it cites; its numbers always have to.",
    )


class Citation(Deciding):
    """Reads citations in square brackets: a document's number, from 1, or its id."""

    binary = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return the measure that the settings name; `detail` has all of them."""
        text = text_of(sample, self._config.output)
        known = _by_name(sample.answered.documents)
        said = [(s, names) for s, names in _cited(text) if names or claims_of(s)]
        found = [
            (
                name,
                name in known,
                name in known and self._supports(known[name], sentence),
            )
            for sentence, names in said
            for name in names
        ][:CITED]
        measured = self._measures(said, found, known)
        missing = sorted({name for name, there, _ in found if not there})
        return Grade(
            value=measured[self._config.measure],
            label="cited" if found else "nothing cited",
            explanation=cut(f"not there: {', '.join(missing)}") if missing else "",
            detail={**measured, "citations": len(found)},
        )

    def _measures(
        self,
        said: Sequence[tuple[str, list[str]]],
        found: Sequence[tuple[str, bool, bool]],
        known: dict[str, Passages],
    ) -> dict[str, float]:
        good = sum(
            any(n in known and self._supports(known[n], s) for n in names[:20])
            for s, names in said
        )
        there = sum(exists for _, exists, _ in found)
        right = sum(supports for *_, supports in found)
        precision = right / len(found) if found else 0.0
        recall = good / len(said) if said else 0.0
        both = precision + recall
        return {
            "exists": there / len(found) if found else 0.0,
            "precision": precision,
            "recall": recall,
            "f1": 2 * precision * recall / both if both else 0.0,
        }

    def _supports(self, passages: Passages, sentence: str) -> bool:
        claim = _MARK.sub(" ", sentence)
        return passages.support(claim) >= self._config.support


def _cited(text: str) -> list[tuple[str, list[str]]]:
    """Return each sentence with what it cites; marks may stand behind its full stop."""
    found = list[tuple[str, list[str]]]()
    for sentence in sentences(_inside(text), SENTENCES):
        names = [
            name.strip() for mark in _MARK.findall(sentence) for name in mark.split(",")
        ]
        found.append((sentence, list(dict.fromkeys(names))[:50]))
    return found


def _inside(text: str) -> str:
    """Return *text* with the marks that follow a full stop put before it."""
    return re.sub(r"([.!?])[ ]?((?:\[[^\[\]\n]{1,60}\][ ]?){1,20})", r" \2\1 ", text)


def _by_name(documents: Sequence[str]) -> dict[str, Passages]:
    """Return the documents by their numbers and, where they have one, by their ids."""
    known = dict[str, Passages]()
    for number, document in enumerate(documents[:CITED], 1):
        passages = Passages([document])
        known[str(number)] = passages
        name = _id(document)
        if name:
            known.setdefault(name, passages)
    return known


def _id(document: str) -> str:
    if not document.lstrip().startswith("{"):
        return ""
    try:
        value = read_json(document)
    except Unfit:
        return ""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def grader(config: Config) -> Citation:
    """Return the grader."""
    needs("numpy")
    return Citation(config)
