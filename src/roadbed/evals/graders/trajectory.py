"""Whether an agent kept within its budget, went in no circle, and ended well."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from roadbed.evals.graders._calls import ToolCall, calls_of
from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    cut,
    expected_of,
    json_of,
)
from roadbed.evals.graders.exact import same
from roadbed.evals.grading import Grade, Sample

VERSION = 1


class Config(Expecting):
    """Settings of the grader `trajectory`."""

    max_steps: int | None = Field(
        default=None, ge=0, description="The most calls of tools."
    )
    max_cost: float | None = Field(default=None, ge=0, description="The most dollars.")
    max_latency_ms: float | None = Field(
        default=None, ge=0, description="The most milliseconds."
    )
    max_repeats: int = Field(
        default=2,
        ge=1,
        description="How often the very same call, or run of calls, may be made in a "
        "row; one more is a loop.",
    )
    last_tool: str = Field(
        default="", description="The tool that has to be called last. Empty: any."
    )
    final_state: bool = Field(
        default=False,
        description="Whether the answer is JSON that holds every field that is "
        "expected, with its value.",
    )


class Trajectory(Deciding):
    """Checks one rule after another; `detail` says how each came out."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if no rule is broken."""
        calls = calls_of(sample.answered.tools)
        broken = [*self._budget(sample, len(calls)), *self._path(calls)]
        if self._config.final_state:
            broken += self._state(sample)
        return Grade(
            value=float(not broken),
            label="kept" if not broken else "broken",
            explanation=cut("; ".join(broken)),
            detail={"broken": broken, "steps": len(calls)},
        )

    def _budget(self, sample: Sample, steps: int) -> list[str]:
        config, answered = self._config, sample.answered
        spent = (
            ("steps", steps, config.max_steps),
            ("dollars", answered.cost_nano / 1e9, config.max_cost),
            ("ms", answered.latency_us / 1e3, config.max_latency_ms),
        )
        return [
            f"{value:g} {unit}, at most {most:g}"
            for unit, value, most in spent
            if most is not None and value > most
        ]

    def _path(self, calls: Sequence[ToolCall]) -> list[str]:
        broken, last = list[str](), self._config.last_tool
        found = loop(calls, self._config.max_repeats)
        if found:
            broken.append(f"a loop: {found}")
        if last and (not calls or calls[-1].name != last):
            broken.append(f"the last call is not of {last!r}")
        return broken

    def _state(self, sample: Sample) -> list[str]:
        wanted = expected_of(sample, self._config.expected)
        try:
            got = json_of(sample, self._config.output)
        except Unfit as error:
            return [cut(str(error))]
        return [] if holds(got, wanted) else ["the final state is not as expected"]


def loop(calls: Sequence[ToolCall], most: int) -> str:
    """Return the calls that repeat in a row more than *most* times, or nothing.

    Runs of up to 10 calls are looked for: `a b a b a b` is a loop of two.
    """
    names = [call.digest for call in calls]
    for size in range(1, min(10, len(names) // 2) + 1):
        again = 0
        for at in range(size, len(names)):
            again = again + 1 if names[at] == names[at - size] else 0
            if again >= size * most:
                run = [call.name for call in calls[at - size + 1 : at + 1]]
                return cut(f"{' '.join(run)} {most + 1} times")
    counts = Counter(names).most_common(1)
    if counts and counts[0][1] > 10 * most:
        return cut(f"{counts[0][0].partition(chr(10))[0]} {counts[0][1]} times")
    return ""


def holds(got: Any, wanted: Any) -> bool:
    """Say whether every field of *wanted* is in *got*; lists are compared whole."""
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(
            name in got and holds(got[name], value) for name, value in wanted.items()
        )
    return same(got, wanted)


def grader(config: Config) -> Trajectory:
    """Return the grader."""
    return Trajectory(config)
