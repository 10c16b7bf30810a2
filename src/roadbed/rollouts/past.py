"""How the older version did before a switch: what the newer one is held against.

Where all units get the newer version at once there is nobody to compare with at the
same time. So the older version's side is the day before, from the call log. Each unit
of it counts once: a look that saw so many units of the newer version is held against
so many that no look before was held against.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Unit
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.planned import release_of
from roadbed.rollouts.predicted import prediction_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.traffic import LOOK_S, tests_of

DAY_US = 86_400_000_000
MOST = 20_000
"""How many calls are looked at, the newest ones."""
_SAID = ("ok", "error", "truncated")


@dataclass(frozen=True, kw_only=True)
class Past:
    """The units of before, in an order that chance made: the same one always.

    A unit is whoever is assigned as a whole, once for each look's length of time;
    users and sessions are not on record, so there each call is one. A call is slow
    from `slow_ms` on, never if that is 0.
    """

    units: tuple[tuple[CallRecord, ...], ...] = field(repr=False)
    slow_ms: int = 0

    def looks(self, start: int = 0, count: int | None = None) -> dict[str, Any]:
        """Return *count* units from the one at *start* on, as metrics have them.

        `Counts` of bad units, and `Numbers` of what a call of a unit has in the mean:
        its cost in billionths of a dollar, its output tokens, its prediction.
        """
        end = None if count is None else start + count
        some = self.units[start:end]
        bad: dict[str, Counts | Numbers] = {
            name: Counts(sum(any(map(test, unit)) for unit in some), len(some))
            for name, test in tests_of(self.slow_ms).items()
        }
        values = {name: Numbers.of(*_means(some, name)) for name in _NUMBERS}
        return bad | {name: found for name, found in values.items() if found.n}


_NUMBERS = {
    "cost": lambda record: float(record.cost_nano),
    "output-tokens": lambda record: float(record.output_tokens),
    "prediction": prediction_of,
}


def looks(
    calls: CallLog, rollout: Rollout, now_us: int, slow_ms: int = 0
) -> dict[str, Counts | Numbers]:
    """Return how the older version did in the day before *rollout*, by metric."""
    return past(calls, rollout, now_us, slow_ms).looks()


def past(calls: CallLog, rollout: Rollout, now_us: int, slow_ms: int = 0) -> Past:
    """Return the units of the day before *rollout* began, by one query of the log.

    Of the newest `MOST` calls, those that the older version was asked. Blocks.
    """
    until_us = min(rollout.started_us, now_us)
    query = CallQuery(
        tenant=rollout.tenant,
        endpoint=rollout.endpoint,
        model=rollout.old,
        since_us=until_us - DAY_US,
        until_us=until_us,
        limit=MOST,
        copies=False,
    )
    unit = release_of(rollout).unit
    found = [r for r in calls.search(query) if r.status in _SAID]
    return Past(units=_units(found, unit, rollout.id), slow_ms=slow_ms)


def _units(
    records: Sequence[CallRecord], unit: Unit, salt: str
) -> tuple[tuple[CallRecord, ...], ...]:
    groups: dict[tuple[str, int], list[CallRecord]] = defaultdict(list)
    for record in records:
        name = record.principal if unit == "principal" else record.call_id
        groups[name, record.ts // (LOOK_S * 1_000_000)].append(record)
    order = sorted(groups, key=lambda key: _chance(f"{salt} {key[0]} {key[1]}"))
    return tuple(tuple(groups[key]) for key in order)


def _chance(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()


def _means(units: Sequence[Sequence[CallRecord]], name: str) -> list[float]:
    number, found = _NUMBERS[name], list[float]()
    for unit in units:
        values = [v for v in map(number, unit) if v is not None]
        if values:
            found.append(sum(values) / len(values))
    return found
