"""Which units were seen before, and what is known of them.

Whoever fails again and again is one bad unit, not hundreds: a unit is at risk until it
is bad, and again after an hour, and in each look those at risk are compared. So the bet
is that of a safe logrank test (ter Schure, Pérez-Ortiz, Ly and Grünwald, 2020). The
hour is a bargain: without it, what breaks late finds nobody left at risk.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.database.upsert import upsert
from roadbed.rollouts import lone
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.tables import rollout_units as table
from roadbed.rollouts.tally import Side, UnitSeen

CAP = 100_000
"""How many units of one rollout are remembered, not counting calls by themselves. Of
later ones the shares are not asked any more, and each look takes them for new."""
TALLIED = ("errors", "timeouts", "slow", "refusals")
"""The guardrails of units that replicas count, each with a bit; never reorder them."""
_BITS = {name: 1 << at for at, name in enumerate(TALLIED)}
_SIDES: dict[Side, int] = {"old": 1, "new": 2}
AGAIN_US = 3_600_000_000
"""After this time who was bad is at risk again."""
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a unit: the revision of the rollout in which it counted last,
    the sides that it was on, what it was bad under at each side, as bits, and since
    when it is not at risk for that."""

    revision: int = -1
    sides: int = 0
    bad_old: int = 0
    bad_new: int = 0
    bad_us: int = 0


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Fresh:
    """Units seen for the first time on either side, and those new to this step."""

    old: int = 0
    new: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a look takes in: how many units are fresh, and what was known before of
    each that counts, at what time."""

    fresh: Fresh
    before: Mapping[int, Known]
    now_us: int


def take(
    connection: sa.Connection,
    rollout: Rollout,
    seen: Sequence[UnitSeen],
    comparable: Collection[int],
    now_us: int,
    cap: int = CAP,
) -> Taken:
    """Remember the units of a look at *now_us*, and return what is new about them.

    Those that never come again are only counted.
    Those that are not *comparable* were, or may have been, assigned under the weight of
    before, so they are not held to their share.
    """
    revision, sides = rollout.state.revision, sides_of(seen)
    alone = {each.unit for each in seen if each.alone}
    known = dict(_known(connection, rollout.id, sides.keys() - alone))
    fresh = sorted(sides.keys() - alone - known.keys())
    room = max(0, cap - _count(connection, rollout.id)) if fresh else 0
    kept = fresh[:room]
    before = dict.fromkeys(sides, NOTHING) | known
    after = {unit: before[unit] for unit in (*known, *kept)}
    for each in seen:
        if each.calls and each.unit in after:
            after[each.unit] = _learnt(after[each.unit], each, revision, now_us)
    fixed = set(kept)
    changed = {u: k for u, k in after.items() if u in fixed or k != before[u]}
    _remember(connection, rollout, changed)
    lone.count(connection, rollout.id, (_kind(u) for u in seen if u.alone and u.calls))
    told = {u.unit for u in seen if u.calls and u.side == "new"}
    here = sum(before[unit].revision != revision for unit in told)
    held = (fixed | alone).intersection(comparable)
    return Taken(fresh=fresh_of(sides, held, here), before=before, now_us=now_us)


def fresh_of(sides: Mapping[int, set[Side]], held: Collection[int], seen: int) -> Fresh:
    """Return how many of those that are *held* to their share were on one side only.

    *seen* is how many are new to this step.
    """
    found = [sides[unit] for unit in held]
    return Fresh(
        old=sum(side == {"old"} for side in found),
        new=sum(side == {"new"} for side in found),
        seen=seen,
    )


def looks(
    connection: sa.Connection,
    rollout: Rollout,
    seen: Sequence[UnitSeen],
    taken: Taken,
) -> dict[str, Both]:
    """Return what replicas counted under each guardrail, unit by unit.

    The shares are of all units so far: those that were ever bad at a side, of those
    that were there. At risk in this look are those that were not bad within the hour.
    """
    groups = _groups(connection, rollout.id)
    found = {}
    for guardrail in rollout.plan.guardrails:
        bit = _BITS.get(guardrail.name)
        if bit is None:
            continue
        at_risk = [
            u
            for u in seen
            if u.calls and _at_risk(taken.before[u.unit], bit, taken.now_us)
        ]
        risk = Both(
            old=counted(at_risk, "old", guardrail.name),
            new=counted(at_risk, "new", guardrail.name),
        )
        found[guardrail.name] = _shares(groups, bit, risk)
    return found


def counted(seen: Iterable[UnitSeen], side: Side, name: str) -> Counts:
    """Return how many units of a *side* are bad under *name*, and of how many."""
    mine = at(side, seen)
    return Counts(sum(name in u.bad for u in mine), len(mine))


def numbers(rollout: Rollout, seen: Sequence[UnitSeen]) -> dict[str, Both]:
    """Return what guardrails watch that are means: of units that count once."""
    names = {guardrail.name for guardrail in rollout.plan.guardrails}
    return {
        name: Both(old=means(at("old", seen)), new=means(at("new", seen)))
        for name, means in _NUMBERS.items()
        if name in names
    }


def at(side: Side, seen: Iterable[UnitSeen]) -> list[UnitSeen]:
    """Return those of *seen* that were on a *side*."""
    return [u for u in seen if u.side == side]


def costs(seen: Sequence[UnitSeen]) -> Numbers:
    """Return what a call of each unit costs, in billionths of a US dollar."""
    return Numbers.of(*(u.cost_nano / u.calls for u in seen))


def _tokens(seen: Sequence[UnitSeen]) -> Numbers:
    return Numbers.of(*(u.output_tokens / u.calls for u in seen))


def _predictions(seen: Sequence[UnitSeen]) -> Numbers:
    told = (u for u in seen if u.predictions)
    return Numbers.of(*(u.predicted / u.predictions for u in told))


_NUMBERS = {"cost": costs, "output-tokens": _tokens, "prediction": _predictions}
"""The guardrails that are means, and that replicas sum up."""


def sides_of(seen: Iterable[UnitSeen]) -> dict[int, set[Side]]:
    """Return the sides that each unit was on."""
    sides = defaultdict[int, set[Side]](set)
    for each in seen:
        sides[each.unit].add(each.side)
    return sides


def _at_risk(known: Known, bits: int, now_us: int) -> bool:
    bad = (known.bad_old | known.bad_new) & bits
    return not bad or now_us - known.bad_us >= AGAIN_US


def _learnt(before: Known, seen: UnitSeen, revision: int, now_us: int) -> Known:
    """Return what is known after *seen*; the hour begins when it was at risk."""
    side, bits = _kind(seen)
    old = seen.side == "old"
    again = any(_at_risk(before, bit, now_us) for bit in _BITS.values() if bits & bit)
    return Known(
        revision=revision,
        sides=before.sides | side,
        bad_old=before.bad_old | (bits if old else 0),
        bad_new=before.bad_new | (0 if old else bits),
        bad_us=now_us if again else before.bad_us,
    )


def _kind(seen: UnitSeen) -> lone.Kind:
    """Return the side of a unit, and what it was bad under, as bits."""
    return _SIDES[seen.side], sum(_BITS[name] for name in seen.bad if name in _BITS)


def _shares(groups: Mapping[Known, int], bit: int, risk: Both) -> Both:
    """Return the shares of units that were bad at a side, of those that were there."""
    old = {k: n for k, n in groups.items() if k.sides & 1}
    new = {k: n for k, n in groups.items() if k.sides & 2}
    return Both(
        old=Counts(
            sum(n for k, n in old.items() if k.bad_old & bit), sum(old.values())
        ),
        new=Counts(
            sum(n for k, n in new.items() if k.bad_new & bit), sum(new.values())
        ),
        risk=risk,
    )


def _groups(connection: sa.Connection, rollout_id: str) -> dict[Known, int]:
    """Return how many units there are of each kind."""
    kinds = (table.c.sides, table.c.bad_old, table.c.bad_new)
    query = sa.select(*kinds, sa.func.count().label("units")).group_by(*kinds)
    rows = connection.execute(query.where(table.c.rollout == rollout_id))
    found = Counter[Known]()
    for r in rows:
        found[Known(sides=r.sides, bad_old=r.bad_old, bad_new=r.bad_new)] += r.units
    for (side, bad), units in lone.counted(connection, rollout_id).items():
        old = side == _SIDES["old"]
        known = Known(sides=side, bad_old=bad * old, bad_new=bad * (not old))
        found[known] += units
    return found


def _batches(units: Iterable[int]) -> Iterator[list[int]]:
    every = list(units)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _known(
    connection: sa.Connection, rollout_id: str, units: Iterable[int]
) -> Iterator[tuple[int, Known]]:
    for some in _batches(units):
        query = sa.select(table).where(
            table.c.rollout == rollout_id, table.c.unit.in_(some)
        )
        for row in connection.execute(query):
            yield (
                row.unit,
                Known(
                    revision=row.revision,
                    sides=row.sides,
                    bad_old=row.bad_old,
                    bad_new=row.bad_new,
                    bad_us=row.bad_us,
                ),
            )


def _count(connection: sa.Connection, rollout_id: str) -> int:
    query = sa.select(sa.func.count()).where(table.c.rollout == rollout_id)
    return connection.execute(query.select_from(table)).scalar_one()


def _remember(
    connection: sa.Connection, rollout: Rollout, units: Mapping[int, Known]
) -> None:
    rows = [
        {
            "rollout": rollout.id,
            "unit": unit,
            "revision": known.revision,
            "sides": known.sides,
            "bad_old": known.bad_old,
            "bad_new": known.bad_new,
            "bad_us": known.bad_us,
        }
        for unit, known in units.items()
    ]
    upsert(connection, table, rows)
