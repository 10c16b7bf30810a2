"""What an endpoint was asked lately, as a rollout would have counted it."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Unit
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.tallying import Judged, judged

LOOK_S = 5
"""How long one look takes: who calls more often in it counts once."""
_SECOND_US = 1_000_000
_LEAST_S = 60.0
_Call = tuple[CallRecord, frozenset[str]]
"""A call, and the metrics under which it was bad."""


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
    records: Sequence[CallRecord], until_us: int, unit: Unit, slow_ms: int, model: str
) -> Traffic:
    """Return what *records*, in any order, show of the time up to *until_us*.

    A call is slow from *slow_ms* on, never if that is 0; one that another model than
    *model* answered is one that failed. Users and sessions are not on record, so each
    of their calls counts as one.
    """
    told = [(record, _judged(record, slow_ms, model)) for record in records]
    counted = [(record, judged.bad) for record, judged in told if judged.counts]
    if not counted:
        return Traffic(seconds=_LEAST_S)
    began_us = min(record.ts for record, _ in counted)
    groups: dict[tuple[str, int], list[_Call]] = defaultdict(list)
    for record, bad in counted:
        place = _unit(record, unit), record.ts // (LOOK_S * _SECOND_US)
        groups[place].append((record, bad))
    known = unit == "principal"
    return Traffic(
        seconds=max((until_us - began_us) / _SECOND_US, _LEAST_S),
        calls=len(counted),
        units=len({name for name, _ in groups}) if known else None,
        counted=len(groups),
        levels=_levels(list(groups.values()), slow_ms),
    )


def _judged(record: CallRecord, slow_ms: int, model: str) -> Judged:
    """Judge a call by the version that answered it, if that is one of *model*."""
    own = record.model.partition("@")[0] == model
    return judged(record, record.model if own else model, slow_ms)


def _unit(record: CallRecord, unit: Unit) -> str:
    return record.principal if unit == "principal" else record.call_id


def _levels(groups: list[list[_Call]], slow_ms: int) -> dict[str, Counts | Numbers]:
    shares = ["errors", "timeouts", "refusals", *(["slow"] if slow_ms else [])]
    bad = {
        name: Counts(sum(any(name in b for _, b in g) for g in groups), len(groups))
        for name in shares
    }
    return bad | {
        "cost": _parts(groups, "cost_nano"),
        "output-tokens": _parts(groups, "output_tokens"),
    }


def _parts(groups: list[list[_Call]], name: str) -> Numbers:
    """Return a number of each group, by call, as parts of the mean; nothing if 0."""
    values = [math.fsum(getattr(r, name) for r, _ in g) / len(g) for g in groups]
    mean = math.fsum(values) / len(values)
    return Numbers.of(*(value / mean for value in values)) if mean else Numbers()
