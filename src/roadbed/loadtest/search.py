"""Looks for the load at which an endpoint breaks: doubling, then halving the gap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from roadbed.inference.terms import Latency
from roadbed.loadtest.judge import (
    Judged,
    Sample,
    Verdict,
    judge,
    promises_of,
    too_many_errors,
)
from roadbed.loadtest.profile import Step

Run = Callable[[Step], list[Sample]]
"""Puts one step of load on the endpoint and returns what was measured."""
CLOSE = 1.25
"""The search ends when the load that breaks is within this of one that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One step of load, and what it showed."""

    step: Step
    samples: list[Sample]
    judged: tuple[Judged, ...]
    errors: Verdict

    @property
    def verdict(self) -> Verdict:
        """Return `broken` if anything is, `kept` only if every promise surely is."""
        found = {j.verdict for j in self.judged}
        if self.errors == "broken" or "broken" in found:
            return "broken"
        return "kept" if found == {"kept"} else "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a search goes: the load it begins with, the highest, calls per step."""

    first: float
    highest: float
    calls: int
    least_s: float = 5.0

    def step(self, rate: float) -> Step:
        """Return a step at *rate*, long enough to mean something."""
        return Step(rate=rate, calls=max(self.calls, round(rate * self.least_s)))


def measure(run: Run, step: Step, latency: Latency | None) -> Measured:
    """Return what one step shows about the promises in *latency*."""
    samples = run(step)
    return Measured(
        step=step,
        samples=samples,
        judged=tuple(judge(p, samples) for p in promises_of(latency)),
        errors=too_many_errors(samples),
    )


def search(run: Run, limits: Limits, latency: Latency | None) -> list[Measured]:
    """Return all steps that were tried, in the order of the trial."""
    done = [measure(run, limits.step(limits.first), latency)]
    while done[-1].verdict != "broken" and done[-1].step.rate < limits.highest:
        rate = min(done[-1].step.rate * 2, limits.highest)
        done.append(measure(run, limits.step(rate), latency))
    while (rate := _between(done)) is not None:
        done.append(measure(run, limits.step(rate), latency))
    return done


def breaks_at(done: list[Measured]) -> float | None:
    """Return the lowest load that broke it, None if none did."""
    return min((m.step.rate for m in done if m.verdict == "broken"), default=None)


def holds_at(done: list[Measured]) -> float | None:
    """Return the highest load below that which did not break it, None if all did."""
    broken = breaks_at(done)
    held = [m.step.rate for m in done if m.verdict != "broken"]
    below = [rate for rate in held if broken is None or rate < broken]
    return max(below, default=None)


def _between(done: list[Measured]) -> float | None:
    broken, held = breaks_at(done), holds_at(done)
    if broken is None or held is None or broken / held <= CLOSE:
        return None
    return round((broken * held) ** 0.5, 2)


Outcome = Literal["kept", "broken", "inconclusive", "unpromised"]


def outcome_of(done: list[Measured]) -> Outcome:
    """Return the answer to the question that was asked: the verdict of the first step.

    Without a promise there is nothing to keep, unless calls fail.
    """
    first = done[0]
    if not first.judged:
        return "broken" if first.errors == "broken" else "unpromised"
    return first.verdict
