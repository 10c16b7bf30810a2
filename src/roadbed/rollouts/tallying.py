"""Watches calls and tells, unit by unit, how two versions do: on one replica, bounded.

A call is counted under the version that a rollout put it to, if it tells something of
that version. One that is not there by chance does not. One that never came to a model
does not either: what is no request, who has no right or no money left, who went away;
nor does an answer from memory. Such a call only says that its unit was assigned.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from roadbed.core.errors import TimedOut
from roadbed.gateway.history import FAILED
from roadbed.inference.call import Call
from roadbed.inference.chat import CountRequest
from roadbed.inference.record import CallRecord
from roadbed.rollouts.predicted import prediction_of
from roadbed.rollouts.tally import Side, UnitSeen, packed

MOST_UNITS = 5_000
"""The most units of one rollout that are told of at a time."""
_ALL = 2**63
_BEFORE = frozenset(
    {
        *("budget_exhausted", "conflict", "gate_failed", "idempotency_key_reused"),
        *("limit_exceeded", "not_found", "not_ready", "overloaded"),
        *("permission_denied", "request_timeout", "too_large", "unauthenticated"),
    }
)
"""Errors of calls that the version has no part in."""
_WHERE_ASKED = frozenset({"invalid", "unpinned"})
"""Errors that the version has a part in if it was asked: it would not have that."""
_SILENCED = frozenset({"content_filter", "refusal"})
_NOTHING: frozenset[str] = frozenset()


class Judged(NamedTuple):
    """What one call says of its version: nothing, if it does not `count`."""

    counts: bool
    bad: frozenset[str] = _NOTHING
    flaws: frozenset[str] = _NOTHING


def judged(
    record: CallRecord, own: str, slow_ms: int, flaws: frozenset[str] = _NOTHING
) -> Judged:
    """Return what the call of *record* says of the version *own*, such as `bot@2`.

    Bad is an `errors` if no answer came, or only one of something that stood in for
    it, or if it is refused to who had the one before; a `timeouts` if time was up
    before; `slow` beyond *slow_ms*, if that is not 0; a `refusals` if the model would
    not answer or was silenced.
    """
    if "shut-out" in flaws:
        return Judged(counts=True, bad=frozenset({"errors"}))
    if record.status not in ("ok", *FAILED) or _is_aside(record):
        return Judged(counts=False)
    failed = _came_to_nothing(record, own)
    bad = {
        "errors": failed,
        "timeouts": failed and TimedOut.code in (record.error, *_tried(record)),
        "slow": 0 < slow_ms * 1_000 < record.latency_us,
        "refusals": record.finish in _SILENCED or "refused" in flaws,
    }
    seen = {
        "schema": "schema" in flaws,
        "blocked": record.finish == "content_filter",
    }
    return Judged(counts=True, bad=_those(bad), flaws=_those(seen))


def _those(said: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(name for name, so in said.items() if so)


def _came_to_nothing(record: CallRecord, own: str) -> bool:
    """Say whether no answer came, or one of something that stood in for *own*."""
    stood_in = record.degraded or record.cache == "stale" or record.model != own
    return record.status in FAILED or bool(stood_in)


def _is_aside(record: CallRecord) -> bool:
    """Say whether the version had no part in how the call ended."""
    if record.cache in ("hit", "replay") or record.error in _BEFORE:
        return True
    return record.error in _WHERE_ASKED and not record.attempts


def _tried(record: CallRecord) -> tuple[str, ...]:
    """Return the error of the version, if it timed out before something stood in."""
    return (TimedOut.code,) if f'"{TimedOut.code}"' in record.chain else ()


class _Sides(NamedTuple):
    """The names of both versions of a rollout, and from where on a call is slow."""

    old: str
    new: str
    slow_ms: int

    def of(self, side: Side) -> str:
        return self.new if side == "new" else self.old


class _Seen:
    """The units of one rollout since they were last told of.

    Where there are too many, those with the larger numbers are left out: a number is
    chance, and says nothing about the arm that its unit is in.
    """

    __slots__ = ("below", "units")

    def __init__(self) -> None:
        self.below = _ALL
        self.units: dict[tuple[int, Side], UnitSeen] = {}

    def add(self, seen: UnitSeen, most: int) -> None:
        if seen.unit >= self.below:
            return
        before = self.units.get(seen.place)
        self.units[seen.place] = seen if before is None else before + seen
        while len(self.units) > most:
            self.below //= 2
            self.units = {k: u for k, u in self.units.items() if k[0] < self.below}


class Tallies:
    """Counts calls by unit and version, until somebody takes what was counted.

    `watch` runs on the event loop, without I/O; any thread may take.
    """

    def __init__(self, most: int = MOST_UNITS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._known: dict[str, _Sides] = {}

    def watch(self, call: Call, record: CallRecord) -> None:
        """Take in a call that has just been recorded."""
        arm = call.arm
        if arm is None or arm.mirrored:
            return
        served = call.snapshot.deployments.get(call.endpoint)
        arms = served.arms if served else None
        if served is None or arms is None:
            return
        newer = arms.newer.choices[0].name
        known = _Sides(served.choices[0].name, newer, arms.slow_ms)
        self._known[arm.rollout] = known
        if arm.placed or not arms.weight or isinstance(call.request, CountRequest):
            return  # While nobody is answered by the newer one, only pairs tell.
        told = judged(record, known.of(arm.side), arms.slow_ms, arm.flaws)
        unit = _unit(arm.unit, arm.side, record, told)
        placed = replace(unit, weight=arm.weight, alone=arm.alone)
        self._add(arm.rollout, [placed])

    def paired(
        self,
        rollout: str,
        unit: int,
        call: CallRecord,
        copy: CallRecord,
        flaws: tuple[frozenset[str], frozenset[str]] = (_NOTHING, _NOTHING),
    ) -> None:
        """Take in a *call* that the older version answered, and its *copy*."""
        unknown = _Sides(call.model, copy.model, 0)
        known = self._known.get(rollout, unknown)
        sides: tuple[tuple[Side, CallRecord], ...] = ("old", call), ("new", copy)
        for (side, record), own in zip(sides, flaws, strict=True):
            told = judged(record, known.of(side), known.slow_ms, own)
            self._add(rollout, [_unit(unit, side, record, told)])

    def take(self) -> dict[str, bytes]:
        """Return what was counted since the last time, by rollout, and forget it."""
        with self._lock:
            taken, self._seen = self._seen, {}
        return {rollout: packed(seen.units.values()) for rollout, seen in taken.items()}

    def give_back(self, rollout: str, units: Iterable[UnitSeen]) -> None:
        """Count *units* again, that could not be written down."""
        self._add(rollout, units)

    def _add(self, rollout: str, units: Iterable[UnitSeen]) -> None:
        with self._lock:
            seen = self._seen.get(rollout)
            if seen is None:
                seen = self._seen[rollout] = _Seen()
            for unit in units:
                seen.add(unit, self._most)


def _unit(number: int, side: Side, record: CallRecord, told: Judged) -> UnitSeen:
    if not told.counts:
        return UnitSeen(unit=number, side=side)
    predicted = prediction_of(record)
    return UnitSeen(
        unit=number,
        side=side,
        calls=1,
        bad=told.bad,
        cost_nano=record.cost_nano,
        output_tokens=record.output_tokens,
        flaws=told.flaws,
        predicted=predicted or 0.0,
        predictions=int(predicted is not None),
    )
