"""From what replicas wrote down to the evidence of one look."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.rollouts import tripwires, units
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.presence import Replica, back_share, ready_share
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.tables import rollout_tallies as table
from roadbed.rollouts.tally import SIDES, UnitSeen, merged


@dataclass(frozen=True, slots=True)
class Tally:
    """One row that a replica wrote: its key, and what it says."""

    replica: str
    at_us: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What replicas saw since the look before, unit by unit.

    `settled` are the units that were assigned at the weight that is in force.
    """

    tallies: Sequence[Tally] = ()
    units: Sequence[UnitSeen] = ()
    settled: frozenset[int] = frozenset()


def tallies_of(connection: sa.Connection, rollout_id: str) -> list[Tally]:
    """Return what no look has taken in yet, oldest first."""
    query = sa.select(table.c.replica, table.c.at_us, table.c.body)
    rows = connection.execute(
        query.where(table.c.rollout == rollout_id).order_by(table.c.at_us)
    )
    return [Tally(row.replica, row.at_us, bytes(row.body)) for row in rows]


def seen_in(rollout: Rollout, tallies: Sequence[Tally]) -> Seen:
    """Return what *tallies* say.

    A call that lasts long was assigned under the weight of its beginning: if that is
    not the one of now, its unit is not held to the share of now.
    """
    every = merged(each.body for each in tallies)
    moved = {unit.unit for unit in every if unit.weight != rollout.weight}
    settled = frozenset(unit.unit for unit in every) - moved
    return Seen(tallies=tallies, units=every, settled=settled)


def forget_taken(
    connection: sa.Connection, rollout_id: str, tallies: Iterable[Tally]
) -> int:
    """Delete the rows that a look took in, and return how many there were."""
    by_replica = defaultdict[str, list[int]](list)
    for each in tallies:
        by_replica[each.replica].append(each.at_us)
    gone = 0
    for replica, moments in by_replica.items():
        mine = sa.and_(table.c.rollout == rollout_id, table.c.replica == replica)
        taken = table.delete().where(mine, table.c.at_us.in_(moments))
        gone += connection.execute(taken).rowcount
    return gone


def gather(
    connection: sa.Connection,
    rollout: Rollout,
    seen: Seen,
    replicas: Sequence[Replica],
    now_us: int,
    besides: Mapping[str, Both],
) -> Evidence:
    """Return the evidence of one look, and remember the units that it saw.

    *besides* is what was learnt otherwise than from the tallies: grades, feedback, the
    older version's calls from before.
    """
    fresh, looks = _units(connection, rollout, seen, now_us)
    looks |= besides
    return Evidence(
        old=fresh.old,
        new=fresh.new,
        seen=fresh.seen,
        weight=rollout.weight,
        looks=looks,
        tripped=tuple(tripwires.tripped(rollout, replicas, looks)),
        ready=ready_share(rollout, replicas, now_us),
        back=back_share(replicas),
    )


def _units(
    connection: sa.Connection, rollout: Rollout, seen: Seen, now_us: int
) -> tuple[units.Fresh, dict[str, Both]]:
    """Return how many units are fresh, and what was seen of units.

    Where each call is a unit of its own, nothing has to be remembered of it.
    """
    every = [u for u in seen.units if u.calls]
    found = tripwires.looks(rollout, every) if every else {}
    if rollout.state.phase == "shadow":  # A copy is not assigned to anything.
        copies = sum(u.calls for u in every if u.side == "new")
        return units.Fresh(seen=copies), found | _looks(rollout, every)
    if rollout.spec.get("unit") == "call":
        told = len({u.unit for u in every if u.side == "new"})
        fresh = units.fresh_of(units.sides_of(seen.units), seen.settled, told)
        return fresh, found | _looks(rollout, every)
    taken = units.take(connection, rollout, seen.units, seen.settled, now_us)
    revision = rollout.state.revision
    here = [u for u in every if taken.before[u.unit].revision != revision]
    if every:
        found |= units.numbers(rollout, here)
        found |= units.looks(connection, rollout, every, taken)
    return taken.fresh, found


def _looks(rollout: Rollout, every: Sequence[UnitSeen]) -> dict[str, Both]:
    """Return each guardrail that tallies tell of, where no unit comes again."""
    if not every:
        return {}
    names = {guardrail.name for guardrail in rollout.plan.guardrails}
    found = units.numbers(rollout, every)
    for name in names.intersection(units.TALLIED):
        old, new = (units.counted(every, side, name) for side in SIDES)
        found[name] = Both(old=old, new=new)
    return found
