"""What a model says of the answer by a rubric, or of two answers which is better.

A judge is an instrument that has to be checked against people; see its certificate.
It is asked at an endpoint, so it is governed, priced and recorded as any call is.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from statistics import median_low
from typing import Any, Literal

from pydantic import Field, model_validator

from roadbed.core.digest import digest_of
from roadbed.evals.graders._judging import Asking, Brief, Told, judge
from roadbed.evals.graders._reading import (
    Expecting,
    Unfit,
    Unknown,
    cut,
    expected_of,
    shown,
    text_of,
    texts_of,
)
from roadbed.evals.grading import UNIT, Direction, Grade, Means, Sample
from roadbed.inference.terms import Block

VERSION = 1
REMEMBERED = 10_000
PAIR = ("A", "B", "tie")


class Anchor(Block):
    """One point of the scale."""

    points: int = Field(ge=0, le=10, description="How many points it is.")
    label: str = Field(
        min_length=1, max_length=60, description="Its name, such as `partly`."
    )
    means: str = Field(
        min_length=1, max_length=2000, description="When an answer is given it."
    )


def _pass_or_fail() -> list[Anchor]:
    return [
        Anchor(points=0, label="fail", means="It does not meet the rubric."),
        Anchor(points=1, label="pass", means="It meets the rubric in full."),
    ]


class Config(Expecting, Asking):
    """Settings of the grader `judge`."""

    endpoints: list[str] = Field(
        min_length=1,
        max_length=7,
        description="The endpoints of the judges. Of several, an odd number, the "
        "majority decides; better none is of the family of the model that is judged.",
    )
    rubric: str = Field(
        min_length=1, max_length=20_000, description="What makes an answer good."
    )
    scale: list[Anchor] = Field(
        default_factory=_pass_or_fail,
        min_length=2,
        max_length=5,
        description="The points that can be given, and what each means: pass or fail, "
        "or up to 5. The grade is 0 for the fewest and 1 for the most.",
    )
    mode: Literal["points", "pairwise"] = Field(
        default="points",
        description="`points`: by the scale. `pairwise`: against the answer that is "
        "expected, asked in both orders; if they disagree, it is a tie. The grade is "
        "1 for better, 0.5 for a tie, 0 for worse.",
    )
    reference: bool = Field(
        default=False,
        description="Whether the judge sees the answer that is expected, to go by.",
    )
    longest: int = Field(
        default=50_000,
        ge=100,
        le=500_000,
        description="The most characters of an answer; a longer one gets the lowest "
        "grade and is not sent.",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> "Config":
        if len(set(self.endpoints)) != len(self.endpoints):
            raise ValueError("a judge is named twice")
        if len(self.endpoints) % 2 == 0:
            raise ValueError(
                "write an odd number of judges, so that there is a majority"
            )
        for name in ("points", "label"):
            if len({getattr(a, name) for a in self.scale}) != len(self.scale):
                raise ValueError(f"two points of the scale have the same {name}")
        return self


class Judge:
    """Asks the judges; identical material is judged, and paid for, once."""

    direction: Direction = "higher"
    bounds = UNIT

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: OrderedDict[str, Grade] = OrderedDict()
        self._asking = dict[str, asyncio.Lock]()
        points = config.mode == "points"
        self.binary = points and len(config.scale) == 2

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return what the judges say; without a verdict there is no grade."""
        try:
            material = self._material(sample)
        except Unfit as error:
            return Grade(value=0.0, label="unfit", explanation=cut(str(error)))
        except Unknown as error:
            return Grade(value=None, error=cut(str(error)))
        key = digest_of({name: cut(text, 10**7) for name, text in material.items()})
        lock = self._asking.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                known = self._known.get(key)
                if known is not None:
                    return replace(known, cost_nano=0)
                return await self._ask(key, material, means)
        finally:
            self._asking.pop(key, None)

    def _material(self, sample: Sample) -> dict[str, str]:
        config = self._config
        answer = text_of(sample, config.output)
        if len(answer) > config.longest:
            raise Unfit(f"the answer is longer than {config.longest:,} characters")
        material = {"question": _spoken(sample.case.input), "answer": answer}
        if config.reference or config.mode == "pairwise":
            expected = texts_of(expected_of(sample, config.expected))
            material["expected"] = "\n\n".join(expected)
        return material

    async def _ask(self, key: str, material: dict[str, str], means: Means) -> Grade:
        if self._config.mode == "pairwise":
            grade = await self._compared(material, means)
        else:
            grade = await self._pointed(material, means)
        if grade.value is not None:
            self._known[key] = grade
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return grade

    async def _pointed(self, material: dict[str, str], means: Means) -> Grade:
        config = self._config
        brief = Brief(
            task=_task(config), material=material, schema=_points_schema(config)
        )
        told = [
            await judge(means, name, brief, lambda v: read_points(v, config), config)
            for name in config.endpoints
        ]
        return self._voted([t.verdict for t in told], told)

    def _voted(
        self, verdicts: Sequence["Verdict | None"], told: Sequence[Told[Any]]
    ) -> Grade:
        """Return the majority's grade, or the middle one of a scale."""
        scale = sorted(anchor.points for anchor in self._config.scale)
        votes = [v[0] for v in verdicts if v is not None]
        most = Counter(votes).most_common(1)[0][1] if votes else 0
        enough = most if self.binary else len(votes)
        if 2 * enough <= len(verdicts):
            return _unsettled(votes, told)
        points = median_low(votes)
        reason = next(v[1] for v in verdicts if v is not None and v[0] == points)
        label = next(a.label for a in self._config.scale if a.points == points)
        value = (points - scale[0]) / (scale[-1] - scale[0])
        return _grade(value, label, reason, votes, told)

    async def _compared(self, material: dict[str, str], means: Means) -> Grade:
        if material["answer"].strip() == material["expected"].strip():
            return Grade(value=0.5, label="tie", explanation="the two are the same")
        told, votes = list[Told[Any]](), list[float | None]()
        orders: list[list[float]] = []
        for name in self._config.endpoints:
            both = [await self._order(material, name, first, means) for first in "AB"]
            told += both
            votes.append(_one(both))
            orders.append([t.verdict[0] for t in both if t.verdict is not None])
        known = [vote for vote in votes if vote is not None]
        if 2 * len(known) <= len(votes):
            return _unsettled(known, told)
        (value, most), *_ = Counter(known).most_common(1)
        value = value if 2 * most > len(votes) else 0.5
        label = {0.0: "worse", 0.5: "tie", 1.0: "better"}[value]
        reason = next((t.verdict[1] for t in told if t.verdict is not None), "")
        grade = _grade(value, label, reason, known, told)
        whole = [each for each in orders if len(each) == 2]
        return replace(grade, detail={**grade.detail, "orders": whole})

    async def _order(
        self, material: dict[str, str], endpoint: str, ours: str, means: Means
    ) -> Told[tuple[float, str]]:
        """Ask with the answer as *ours*, A or B; the verdict is what it is worth."""
        pair = {"A": material["answer"], "B": material["expected"]}
        if ours == "B":
            pair = {"A": material["expected"], "B": material["answer"]}
        shown_ = {"question": material["question"]} | {
            f"answer {name}": text for name, text in pair.items()
        }
        brief = Brief(task=_task(self._config), material=shown_, schema=PAIR_SCHEMA)
        return await judge(
            means, endpoint, brief, lambda v: read_pair(v, ours), self._config
        )


Verdict = tuple[int, str]
PAIR_SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "better": {"type": "string", "enum": list(PAIR)},
    },
    "required": ["reason", "better"],
    "additionalProperties": False,
}


def read_points(value: Any, config: Config) -> Verdict:
    """Return points and reason; raise Unfit for no verdict, or one against itself."""
    if not isinstance(value, dict) or not isinstance(value.get("reason"), str):
        raise Unfit("it needs a reason, points and a label")
    points, label = value.get("points"), value.get("label")
    by_points = {a.points: a.label for a in config.scale}
    if (
        isinstance(points, bool)
        or not isinstance(points, int)
        or points not in by_points
    ):
        raise Unfit(
            f"points must be one of {sorted(by_points)}, not {shown(points, 40)}"
        )
    if label != by_points[points]:
        raise Unfit(
            f"it contradicts itself: {points} points are {by_points[points]!r}, not "
            f"{shown(label, 40)}"
        )
    return points, cut(value["reason"])


def read_pair(value: Any, ours: str) -> tuple[float, str]:
    """Return 1 if *ours*, A or B, is better, 0 if worse, and why; raise Unfit."""
    if not isinstance(value, dict) or not isinstance(value.get("reason"), str):
        raise Unfit("it needs a reason and which is better")
    better = value.get("better")
    if better not in PAIR:
        raise Unfit(f"better must be A, B or tie, not {shown(better, 40)}")
    worth = 0.5 if better == "tie" else float(better == ours)
    return worth, cut(value["reason"])


def _one(both: Sequence[Told[tuple[float, str]]]) -> float | None:
    """Return one judge's word from its two orders: where they disagree, a tie."""
    first, second = (told.verdict for told in both)
    if first is None or second is None:
        return None
    return first[0] if first[0] == second[0] else 0.5


def _task(config: Config) -> str:
    lines = ["You judge answers. Be strict, and judge by this rubric alone:"]
    lines += ["", config.rubric, ""]
    if config.mode == "pairwise":
        lines.append("Say which of answer A and answer B meets it better. Neither the")
        lines.append("order nor the length of the two counts.")
        return "\n".join(lines)
    lines.append("Give points, with the label that belongs to them:")
    lines += [f"- {a.points} ({a.label}): {a.means}" for a in config.scale]
    if config.reference:
        lines.append("What is expected is right; other words for it are as good.")
    lines.append("Write the reason first. The length of an answer does not count.")
    return "\n".join(lines)


def _points_schema(config: Config) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "points": {"type": "integer", "enum": [a.points for a in config.scale]},
            "label": {"type": "string", "enum": [a.label for a in config.scale]},
        },
        "required": ["reason", "points", "label"],
        "additionalProperties": False,
    }


def _grade(
    value: float,
    label: str,
    reason: str,
    votes: Sequence[float],
    told: Sequence[Told[Any]],
) -> Grade:
    calls = [call for each in told for call in each.calls if call]
    return Grade(
        value=value,
        label=label,
        explanation=reason,
        cost_nano=sum(each.cost_nano for each in told),
        detail={"votes": list(votes), "calls": calls},
    )


def _unsettled(votes: Sequence[float], told: Sequence[Told[Any]]) -> Grade:
    errors = "; ".join(each.error for each in told if each.error)
    return Grade(
        value=None,
        error=cut(errors or "the judges are split"),
        cost_nano=sum(each.cost_nano for each in told),
        detail={"votes": list(votes)},
    )


def _spoken(value: Any) -> str:
    """Return what was asked, as text for a judge."""
    if isinstance(value, list) and all(isinstance(m, dict) for m in value):
        said = [f"{m.get('role', '')}: {_content(m.get('content'))}" for m in value]
        return "\n".join(said)
    return value if isinstance(value, str) else shown(value, 20_000)


def _content(value: Any) -> str:
    return value if isinstance(value, str) else shown(value, 20_000)


def grader(config: Config) -> Judge:
    """Return the grader."""
    return Judge(config)
