"""Calls over time: counts and latencies that add up, wherever they were counted."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from roadbed.gateway.history import Tally

GROWTH = 1.05
_LOG = math.log(GROWTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One endpoint in one stretch of time that begins at `at_us`.

    The percentiles come from buckets that grow by 5 %, so they are within 2.5 %.
    """

    endpoint: str
    at_us: int
    calls: int
    errors: int
    p50_us: int
    p95_us: int


def bucket_of(latency_us: int) -> int:
    """Return the bucket of a latency: floor(ln(latency) / ln 1.05), at least 0."""
    return math.floor(math.log(max(latency_us, 1)) / _LOG)


def points(tallies: Iterable[Tally]) -> list[Point]:
    """Add up *tallies* to points, by endpoint and then time; empty ones are absent."""
    groups: dict[tuple[str, int], list[Tally]] = defaultdict(list)
    for tally in tallies:
        groups[tally.endpoint, tally.at_us].append(tally)
    return [_point(*key, group) for key, group in sorted(groups.items())]


def _point(endpoint: str, at_us: int, group: list[Tally]) -> Point:
    counts: dict[int, int] = defaultdict(int)
    for tally in group:
        counts[tally.bucket] += tally.calls
    return Point(
        endpoint=endpoint,
        at_us=at_us,
        calls=sum(counts.values()),
        errors=sum(tally.errors for tally in group),
        p50_us=quantile(counts, 0.50),
        p95_us=quantile(counts, 0.95),
    )


def quantile(counts: dict[int, int], share: float) -> int:
    """Return the latency in µs that *share* of the calls in *counts* stay within."""
    rank, seen = math.ceil(sum(counts.values()) * share), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return round(GROWTH ** (bucket + 0.5))
    return 0
