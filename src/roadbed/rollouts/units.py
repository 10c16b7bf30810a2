"""Which units were seen before: each is held to the share of its arm once, and counts
once in each step."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.tables import rollout_units as table
from roadbed.rollouts.tally import Side

CAP = 100_000
"""How many units of one rollout are remembered. Of later ones the shares are not asked
any more, and they count in each look."""
_AT_ONCE = 5_000
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Fresh:
    """Units seen for the first time on either side, and those new to this step."""

    old: int = 0
    new: int = 0
    seen: int = 0


def take(
    connection: sa.Connection,
    rollout: Rollout,
    sides: Mapping[int, frozenset[Side]],
    told: Collection[int],
    comparable: Collection[int],
    cap: int = CAP,
) -> Fresh:
    """Remember the units of a look, by the *sides* that each was on, and count them.

    The newer version answered those in *told*. Those that are not *comparable* were, or
    may have been, assigned under the weight of before, so they are not held to their
    share.
    """
    revision = rollout.state.revision
    known = dict(_known(connection, rollout.id, sides))
    fresh = sorted(unit for unit in sides if unit not in known)
    room = max(0, cap - _count(connection, rollout.id)) if fresh else 0
    kept = fresh[:room]
    _remember(connection, rollout, {u: revision if u in told else _NEVER for u in kept})
    again = [u for u, before in known.items() if u in told and before != revision]
    _count_again(connection, rollout, again)
    held = [sides[unit] for unit in kept if unit in comparable]
    return Fresh(
        old=sum(side == {"old"} for side in held),
        new=sum(side == {"new"} for side in held),
        seen=len(again) + sum(unit in told for unit in fresh),
    )


def _batches(units: Iterable[int]) -> Iterator[list[int]]:
    every = list(units)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _known(
    connection: sa.Connection, rollout_id: str, units: Iterable[int]
) -> Iterator[tuple[int, int]]:
    for some in _batches(units):
        query = sa.select(table.c.unit, table.c.revision).where(
            table.c.rollout == rollout_id, table.c.unit.in_(some)
        )
        yield from ((row.unit, row.revision) for row in connection.execute(query))


def _count(connection: sa.Connection, rollout_id: str) -> int:
    query = sa.select(sa.func.count()).where(table.c.rollout == rollout_id)
    return connection.execute(query.select_from(table)).scalar_one()


def _remember(
    connection: sa.Connection, rollout: Rollout, units: Mapping[int, int]
) -> None:
    rows = [
        {"rollout": rollout.id, "unit": unit, "revision": revision}
        for unit, revision in units.items()
    ]
    if rows:
        connection.execute(table.insert(), rows)


def _count_again(
    connection: sa.Connection, rollout: Rollout, units: Sequence[int]
) -> None:
    for some in _batches(units):
        same = sa.and_(table.c.rollout == rollout.id, table.c.unit.in_(some))
        change = table.update().where(same)
        connection.execute(change.values(revision=rollout.state.revision))
