"""Whether a promise of latency is kept, and how sure that is.

"19 of 20 calls within 800 ms" is a statement about a share: at most 5 % of calls may
take longer. So the calls that took longer are counted, and the exact binomial tail
says how likely so many, or so few, would be if the share were just 5 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roadbed.inference.terms import Latency

Verdict = Literal["kept", "broken", "inconclusive"]
DOUBT = 0.05
"""How often a verdict may be wrong when the share is just the promised one."""
MOST_ERRORS = 0.01
"""The share of calls that may fail before an endpoint is called broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One call. Times are seconds from the moment it was due; inf if it never came."""

    due_s: float
    late_s: float = 0.0
    first_s: float = math.inf
    total_s: float = math.inf
    gap_s: float = 0.0
    error: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At most `share` of all calls may take longer than `limit_s`."""

    name: str
    share: float
    limit_s: float
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One promise, held to what was measured: `over` of `calls` took longer."""

    promise: Promise
    verdict: Verdict
    measured_s: float
    over: int
    calls: int

    @property
    def needed(self) -> int:
        """Return how many calls without a slow one it takes to call it kept."""
        return calls_needed(self.promise.share)


def promises_of(latency: Latency | None) -> tuple[Promise, ...]:
    """Return what an endpoint's terms promise."""
    if latency is None:
        return ()
    listed = (
        ("p50", 0.5, latency.p50_ms, False),
        ("p95", 0.05, latency.p95_ms, False),
        ("p99", 0.01, latency.p99_ms, False),
        ("first token p95", 0.05, latency.first_token_p95_ms, True),
    )
    return tuple(
        Promise(name=name, share=share, limit_s=ms / 1000, first=first)
        for name, share, ms, first in listed
        if ms is not None
    )


def judge(promise: Promise, samples: Sequence[Sample]) -> Judged:
    """Return whether *promise* is kept; a call that failed took for ever."""
    times = sorted(s.first_s if promise.first else s.total_s for s in samples)
    over = sum(1 for t in times if t > promise.limit_s)
    return Judged(
        promise=promise,
        verdict=verdict_of(over, len(times), promise.share),
        measured_s=quantile(times, 1 - promise.share),
        over=over,
        calls=len(times),
    )


def too_many_errors(samples: Sequence[Sample]) -> Verdict:
    """Return whether errors are rare enough: `broken` if they surely are not."""
    failed = sum(1 for s in samples if s.error)
    return verdict_of(failed, len(samples), MOST_ERRORS)


def verdict_of(over: int, calls: int, share: float) -> Verdict:
    """Return the verdict on *over* of *calls* where *share* is allowed."""
    if at_least(over, calls, share) < DOUBT:
        return "broken"
    if calls and 1 - at_least(over + 1, calls, share) < DOUBT:
        return "kept"
    return "inconclusive"


def at_least(count: int, calls: int, share: float) -> float:
    """Return P(X >= count) for X ~ Binomial(calls, share), exactly."""
    if count <= 0:
        return 1.0
    log_p, log_q = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(calls + 1)
        - math.lgamma(k + 1)
        - math.lgamma(calls - k + 1)
        + k * log_p
        + (calls - k) * log_q
        for k in range(count, calls + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def calls_needed(share: float) -> int:
    """Return the fewest calls that can show a promise kept, if none is slow."""
    return math.ceil(math.log(DOUBT) / math.log1p(-share))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of *ordered* that *share* of all do not exceed."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
