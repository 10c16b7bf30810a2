"""How much of what the answer claims is borne out by its documents."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._judging import Asking, Brief, judge
from roadbed.evals.graders._reading import (
    Expecting,
    Unfit,
    Unknown,
    cut,
    expected_of,
    text_of,
    texts_of,
)
from roadbed.evals.graders._support import Passages, claims_of
from roadbed.evals.grading import UNIT, Direction, Grade, Means, Sample

VERSION = 1
LONGEST = 60_000
TASK = """\
You check whether documents bear out what an answer claims. Each claim has a number. A \
claim is supported only if the documents say so or it follows from them without doubt; \
what you know yourself does not count."""


class Config(Expecting, Asking):
    """Settings of the grader `groundedness`."""

    method: Literal["lexical", "judge"] = Field(
        default="lexical",
        description="`lexical`: how many of a claim's words stand in one passage, and "
        "all of its numbers; it does not see a claim turned round. `judge`: a model "
        "reads.",
    )
    endpoint: str = Field(default="", description="The endpoint of the judge.")
    documents: Literal["answer", "expected"] = Field(
        default="answer",
        description="Which documents: those that the answer was drawn from, or those "
        "that are expected of the case.",
    )
    nothing_claimed: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The grade of an answer that claims nothing, such as an empty one.",
    )

    @model_validator(mode="after")
    def _has_a_judge(self) -> "Config":
        if self.method == "judge" and not self.endpoint:
            raise ValueError("write the endpoint of the judge")
        return self


class Groundedness:
    """Splits the answer into claims and looks for each; the grade is the mean."""

    direction: Direction = "higher"
    bounds = UNIT
    binary = False

    def __init__(self, config: Config) -> None:
        self._config = config

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return the mean support of the claims, from 0 to 1."""
        config = self._config
        try:
            documents = self._documents(sample)
            claims = claims_of(text_of(sample, config.output))
        except Unfit as error:
            return Grade(value=0.0, label="unfit", explanation=cut(str(error)))
        except Unknown as error:
            return Grade(value=None, error=cut(str(error)))
        if not claims:
            return Grade(value=config.nothing_claimed, label="no claims")
        if config.method == "lexical":
            passages = Passages(documents)
            return _told(claims, [passages.support(claim) for claim in claims])
        return await self._judged(claims, documents, means)

    def _documents(self, sample: Sample) -> Sequence[str]:
        if self._config.documents == "answer":
            return sample.answered.documents
        return texts_of(expected_of(sample, self._config.expected))

    async def _judged(
        self, claims: Sequence[str], documents: Sequence[str], means: Means
    ) -> Grade:
        numbered = "\n".join(f"{n}. {claim}" for n, claim in enumerate(claims, 1))
        material = {"documents": "\n\n".join(documents), "claims": numbered}
        if sum(map(len, material.values())) > LONGEST:
            return Grade(value=None, error="too much text for a judge")
        brief = Brief(task=TASK, material=material, schema=SCHEMA)
        config = self._config
        told = await judge(
            means, config.endpoint, brief, lambda v: _read(v, len(claims)), config
        )
        if told.verdict is None:
            return Grade(value=None, error=cut(told.error), cost_nano=told.cost_nano)
        return _told(claims, told.verdict, told.cost_nano, told.calls)


SCHEMA = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "quote": {
                        "type": "string",
                        "description": "what supports it, or nothing",
                    },
                    "supported": {"type": "boolean"},
                },
                "required": ["number", "quote", "supported"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["claims"],
    "additionalProperties": False,
}


def _read(value: Any, size: int) -> list[float]:
    """Return the verdict on each claim; raise Unfit unless there is one each."""
    items = value.get("claims") if isinstance(value, dict) else None
    rows = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    said = [row.get("supported") for row in rows]
    counted = [row.get("number") for row in rows] == list(range(1, size + 1))
    if not counted or not all(isinstance(each, bool) for each in said):
        raise Unfit(f"there must be one verdict on each of the {size} claims, in order")
    return [float(bool(each)) for each in said]


def _told(
    claims: Sequence[str],
    support: Sequence[float],
    cost_nano: int = 0,
    calls: Sequence[str] = (),
) -> Grade:
    worst = min(range(len(claims)), key=lambda n: support[n])
    said = f"least supported: {claims[worst]}" if support[worst] < 1 else ""
    both = zip(claims, support, strict=True)
    shown = [{"claim": cut(c, 200), "support": s} for c, s in both][:30]
    return Grade(
        value=sum(support) / len(support),
        label="supported" if min(support) == 1 else "partly",
        explanation=cut(said),
        cost_nano=cost_nano,
        detail={"claims": shown, "calls": list(calls)},
    )


def grader(config: Config) -> Groundedness:
    """Return the grader."""
    needs("numpy")
    return Groundedness(config)
