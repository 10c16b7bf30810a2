"""What an endpoint was asked lately, as a rollout would have counted it."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from roadbed.core.errors import TimedOut
from roadbed.gateway.history import FAILED
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Unit
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts

LOOK_S = 5
"""How long one look takes: who calls more often in it counts once."""
_SECOND_US = 1_000_000
_LEAST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The calls of `seconds` seconds.

    `units` different ones made them, None if they are not on record, and so counted
    `counted` times, each once in a look. `levels` say of the metrics how it was; of a
    number as parts of its mean.
    """

    seconds: float
    calls: int = 0
    units: int | None = None
    counted: int = 0
    levels: Mapping[str, Counts | Numbers] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return how many units are counted in a second."""
        return self.counted / self.seconds


def traffic_of(
    records: Sequence[CallRecord], until_us: int, unit: Unit, slow_ms: int
) -> Traffic:
    """Return what *records*, in any order, show of the time up to *until_us*.

    A call is slow from *slow_ms* on, never if that is 0. Users and sessions are not
    on record, so each of their calls counts as one.
    """
    if not records:
        return Traffic(seconds=_LEAST_S)
    began_us = min(record.ts for record in records)
    groups: dict[tuple[str, int], list[CallRecord]] = defaultdict(list)
    for record in records:
        groups[_unit(record, unit), record.ts // (LOOK_S * _SECOND_US)].append(record)
    known = unit == "principal"
    return Traffic(
        seconds=max((until_us - began_us) / _SECOND_US, _LEAST_S),
        calls=len(records),
        units=len({name for name, _ in groups}) if known else None,
        counted=len(groups),
        levels=_levels(groups.values(), slow_ms),
    )


def _unit(record: CallRecord, unit: Unit) -> str:
    return record.principal if unit == "principal" else record.call_id


def _levels(
    groups: Iterable[list[CallRecord]], slow_ms: int
) -> dict[str, Counts | Numbers]:
    whole = list(groups)
    bad = {
        name: Counts(sum(any(map(test, group)) for group in whole), len(whole))
        for name, test in _tests(slow_ms).items()
    }
    return bad | {
        "cost": _parts(whole, "cost_nano"),
        "output-tokens": _parts(whole, "output_tokens"),
    }


def _tests(slow_ms: int) -> dict[str, Callable[[CallRecord], bool]]:
    tests: dict[str, Callable[[CallRecord], bool]] = {
        "errors": lambda record: record.status in FAILED,
        "timeouts": lambda record: record.error == TimedOut.code,
        "refusals": lambda record: record.finish in ("refusal", "content_filter"),
    }
    if slow_ms:
        tests["slow"] = lambda record: record.latency_us >= slow_ms * 1_000
    return tests


def _parts(groups: Iterable[list[CallRecord]], name: str) -> Numbers:
    """Return a number of each group, by call, as parts of the mean; nothing if 0."""
    values = [
        sum(getattr(record, name) for record in group) / len(group) for group in groups
    ]
    mean = math.fsum(values) / len(values)
    return Numbers.of(*(value / mean for value in values)) if mean else Numbers()
