"""From what replicas wrote down to the evidence of one look."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.rollouts import units
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.presence import Replica, back_share, ready_share
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import Ledger
from roadbed.rollouts.tables import rollout_tallies as table
from roadbed.rollouts.tally import Side, UnitSeen, merged

_FLUSH_US = 2_000_000
"""How long a tally may have been under way when it was written down."""
NEVER = {
    "schema": "answers broke the form that was asked for",
    "blocked": "answers were blocked for safety",
}
"""What no version may do that the older one does not do about as often."""
TOO_MANY, TOO_OFTEN, TOO_RARE = 3, 5, 20
"""So many units at least, and so many times as often, is what trips; where nobody has
the older version, one of so many."""
OUTAGE, SILENT = "nothing-but-errors", 10
"""Under this name is kept for how many units in a row a version did nothing but fail,
each counted in each look, and how many of the newer version's are too many."""
CALLS = "cost-of-calls"
"""Under this name is kept what calls cost, whether or not a guardrail watches it."""
ENOUGH = 5
"""How many units of each version make a mean cost that may be compared."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One row that a replica wrote: its key, and what it says."""

    replica: str
    at_us: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What replicas saw since the look before, unit by unit."""

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


def seen_in(
    rollout: Rollout,
    tallies: Sequence[Tally],
    replicas: Sequence[Replica],
) -> Seen:
    """Return what *tallies* say; units that were surely assigned at the weight that is
    in force now are `settled`."""
    since = {r.name: r.since_us for r in replicas if r.weight == rollout.weight}
    unsure = [
        each.body
        for each in tallies
        if each.at_us < since.get(each.replica, math.inf) + _FLUSH_US
    ]
    every = merged(each.body for each in tallies) if tallies else ()
    moved = {unit.unit for unit in merged(unsure)} if unsure else set[int]()
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
        tripped=tuple(_tripped(rollout, replicas, looks)),
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
    if rollout.state.phase == "shadow":  # A copy is not assigned to anything.
        copies = sum(u.calls for u in every if u.side == "new")
        return units.Fresh(seen=copies), _looks(rollout, every, every)
    if rollout.spec.get("unit") == "call":
        return _calls(seen, every), _looks(rollout, every, every)
    taken = units.take(connection, rollout, seen.units, seen.settled, now_us)
    revision = rollout.state.revision
    new_here = [u for u in every if taken.before[u.unit].revision != revision]
    found = _looks(rollout, every, new_here)
    if every:
        found |= units.looks(connection, rollout, every, taken)
    return taken.fresh, found


def _calls(seen: Seen, every: Sequence[UnitSeen]) -> units.Fresh:
    sides = defaultdict[int, set[Side]](set)
    for each in seen.units:
        sides[each.unit].add(each.side)
    held = [sides[unit] for unit in seen.settled]
    return units.Fresh(
        old=sum(side == {"old"} for side in held),
        new=sum(side == {"new"} for side in held),
        seen=len({u.unit for u in every if u.side == "new"}),
    )


def _looks(
    rollout: Rollout, every: Sequence[UnitSeen], once: Sequence[UnitSeen]
) -> dict[str, Both]:
    """Return each guardrail that tallies tell of, and what trips without any.

    Numbers are of those in *once*, which did not count in this step yet.
    """
    looks: dict[str, Both] = {}
    if not every:
        return looks
    names = [guardrail.name for guardrail in rollout.plan.guardrails]
    for name in units.TALLIED:
        if name in names:
            old, new = (units.counted(every, side, name) for side in SIDES)
            looks[name] = Both(old=old, new=new)
    looks[CALLS] = Both(old=_costs(_at("old", every)), new=_costs(_at("new", every)))
    for name, means in NUMBERS.items():
        if name in names:
            looks[name] = Both(old=means(_at("old", once)), new=means(_at("new", once)))
    looks[OUTAGE] = _outage(rollout, every)
    for name in NEVER:
        old, new = (_flawed(_at(side, every), name) for side in SIDES)
        looks[name] = Both(old=old, new=new)
    return looks


def _outage(rollout: Rollout, every: Sequence[UnitSeen]) -> Both:
    """Return for how many units each version has done nothing but fail, up to now."""
    before = rollout.state.ledgers.get(OUTAGE, Ledger())
    old = _failing(before.old, units.counted(every, "old", "errors"))
    new = _failing(before.new, units.counted(every, "new", "errors"))
    nothing = Counts(0, 0)
    return Both(old=old, new=new, risk=Both(old=nothing, new=nothing))


def _failing(before: Any, look: Counts) -> Counts:
    if not look.of:
        return before if isinstance(before, Counts) else look
    if look.bad < look.of:
        return Counts(0, 0)
    return before + look if isinstance(before, Counts) else look


def _at(side: Side, seen: Iterable[UnitSeen]) -> list[UnitSeen]:
    return [u for u in seen if u.side == side]


def _flawed(seen: Sequence[UnitSeen], name: str) -> Counts:
    return Counts(sum(name in u.flaws for u in seen), len(seen))


def _costs(seen: Sequence[UnitSeen]) -> Numbers:
    """Return what a call of each unit costs, in billionths of a US dollar."""
    return Numbers.of(*(u.cost_nano / u.calls for u in seen))


def _tokens(seen: Sequence[UnitSeen]) -> Numbers:
    return Numbers.of(*(u.output_tokens / u.calls for u in seen))


def _predictions(seen: Sequence[UnitSeen]) -> Numbers:
    told = (u for u in seen if u.predictions)
    return Numbers.of(*(u.predicted / u.predictions for u in told))


NUMBERS = {"cost": _costs, "output-tokens": _tokens, "prediction": _predictions}
"""The guardrails that are means, and that replicas sum up."""
SIDES: tuple[Side, Side] = ("old", "new")


def _tripped(
    rollout: Rollout, replicas: Sequence[Replica], looks: Mapping[str, Both]
) -> Iterable[str]:
    for replica in replicas:
        if replica.state == "failed":
            yield f"it could not be loaded by {replica.name}: {replica.reason}"
    for name, said in NEVER.items():
        before = rollout.state.ledgers.get(name, Ledger())
        if name in looks and _never(before, looks[name]):
            yield said
    if OUTAGE in looks and _is_out(looks[OUTAGE]):
        yield "it does nothing but fail"
    limit = _limit(rollout.spec)
    if CALLS in looks and (found := _dear(rollout, looks[CALLS], limit)):
        yield found


def _is_out(look: Both) -> bool:
    """Say whether only the newer version does nothing but fail."""
    assert isinstance(look.old, Counts)
    assert isinstance(look.new, Counts)
    return look.new.bad >= SILENT and not look.old.bad


def _never(before: Ledger, look: Both) -> bool:
    """Say whether the newer version did often what the older one hardly ever did."""
    assert isinstance(look.old, Counts)
    assert isinstance(look.new, Counts)
    old = before.old + look.old if isinstance(before.old, Counts) else look.old
    new = before.new + look.new if isinstance(before.new, Counts) else look.new
    if not old.of:
        return new.bad >= TOO_MANY and TOO_RARE * new.bad > new.of
    # As if the older version had been bad once more: never says nothing of how seldom.
    often = new.bad * (old.of + 1) > TOO_OFTEN * (old.bad + 1) * new.of
    return new.bad >= TOO_MANY and often


def _limit(spec: Mapping[str, Any]) -> float:
    return float(spec.get("cost_limit") or math.inf)


def _dear(rollout: Rollout, look: Both, limit: float) -> str:
    """Say that a call of the newer version costs too much, if it does."""
    before = rollout.state.ledgers.get(CALLS, Ledger())
    old, new = _all(before.old, look.old), _all(before.new, look.new)
    if min(old.n, new.n) < ENOUGH or new.mean <= limit * old.mean or not old.mean:
        return ""
    return f"a call costs {new.mean / old.mean:.1f} times what it did"


def _all(before: Any, look: Any) -> Numbers:
    return before + look if isinstance(before, Numbers) else look
