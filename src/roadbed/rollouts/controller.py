"""Looks at the rollouts under way, and moves those whose time has come.

One replica at a time looks, and another goes on when it is gone. All of a look happens
in one transaction or not at all: what was seen is taken in once, whoever looks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.errors import Conflict, RoadbedError
from roadbed.database.engine import Database
from roadbed.database.upsert import insert_new
from roadbed.rollouts import store
from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.decide import decide
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, size
from roadbed.rollouts.gathering import (
    Seen,
    forget_taken,
    gather,
    seen_in,
    tallies_of,
)
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.noted import noted
from roadbed.rollouts.presence import replicas_of
from roadbed.rollouts.rollout import CONTROLLER, Rollout
from roadbed.rollouts.state import Ledger
from roadbed.rollouts.tables import (
    rollout_lone,
    rollout_looks,
    rollout_replicas,
    rollout_tallies,
    rollout_units,
    rollouts,
)

LEASES = 3
"""After how many looks that did not happen somebody else looks."""
LATE_US = 2_000_000
"""How late what was said of an answer may come to be seen by others."""
_ALL = "*"
_KEPT = (rollout_tallies, rollout_units, rollout_lone, rollout_replicas)

Source = Callable[[sa.Connection, Rollout, int, int], Mapping[str, Both]]
"""Returns what was said of the answers of a rollout from a moment until another."""


class Before(Protocol):
    """What the older version did before all got the newer one, unit by unit."""

    def looks(
        self, start: int = 0, count: int | None = None
    ) -> Mapping[str, Counts | Numbers]:
        """Return *count* units from the one at *start* on, by metric."""
        ...


Past = Callable[[Rollout, int], Before | None]
"""Returns what was before a rollout, None if that is not known."""


def _unknown(_rollout: Rollout, _now_us: int) -> Before | None:
    return None


@dataclass(kw_only=True)
class Controller:
    """Looks every `look_s` seconds; `holder` names this process.

    `sources` tell what was said of answers, and `past` what the older version did,
    where both do not answer at the same time.
    """

    database: Database
    holder: str
    now_us: Callable[[], int]
    look_s: float = 5.0
    sources: Sequence[Source] = ()
    past: Past = _unknown

    def look(self) -> bool:
        """Look once at all; return whether it was for this process to look.

        One rollout that cannot be looked at does not keep the others waiting. Raises
        what went wrong with the first such one.
        """
        with self.database.read() as connection:
            active = [rollout.id for rollout in store.all_active(connection)]
            left = _left_over(connection)
        if not active and not left:
            return True
        if not self._hold():
            return False
        if left:
            self._purge()
        failed: list[Exception] = []
        for rollout_id in active:
            try:
                self.look_at(rollout_id)
            except Conflict:  # Somebody else looked, or acted: next time.
                continue
            except (RoadbedError, SQLAlchemyError, ValueError) as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return True

    def look_at(self, rollout_id: str) -> Rollout:
        """Look at one rollout, and return it as it is then.

        Raises Conflict if somebody else took in what it saw; NotFound.
        """
        with self.database.read() as connection:
            before = store.get(connection, rollout_id)
            tallies = tallies_of(connection, rollout_id)
        seen = seen_in(before, tallies)
        past = self.past(before, self.now_us()) if _at_once(before) else None
        with self.database.write() as connection:
            now = store.get(connection, rollout_id, hold=True)
            if forget_taken(connection, rollout_id, tallies) != len(tallies):
                raise Conflict(f"somebody else looked at rollout {rollout_id}")
            if now.state.over:
                return now
            if now.state.revision != before.state.revision:
                seen = replace(seen, settled=frozenset())
            return self._decide(connection, now, seen, past)

    def _decide(
        self,
        connection: sa.Connection,
        now: Rollout,
        seen: Seen,
        past: Before | None,
    ) -> Rollout:
        now_us = self.now_us()
        replicas = replicas_of(connection, now.id, now_us)
        besides = {**self._said(connection, now, now_us)}
        evidence = gather(connection, now, seen, replicas, now_us, besides)
        if past is not None:
            looks = _with_past(now, evidence.looks, past)
            evidence = replace(evidence, looks=looks)
        state = decide(now.plan, now.state, evidence, now_us / 1e6)
        if state == now.state:
            return now
        note: dict[str, Any] = {}
        if state.revision != now.state.revision:
            note = noted(replace(now, state=state), evidence, replicas)
        after = store.change(connection, now, state, CONTROLLER, note, now_us)
        if after.state.over:
            for table in _KEPT:
                connection.execute(table.delete().where(table.c.rollout == now.id))
        return after

    def _said(
        self, connection: sa.Connection, now: Rollout, now_us: int
    ) -> dict[str, Both]:
        """Return what was said of answers since the look before; note until when."""
        if not self.sources:
            return {}
        until_us = now_us - LATE_US
        since_us = _said_until(connection, now)
        if until_us <= since_us:
            return {}
        found: dict[str, Both] = {}
        watched = {guardrail.name for guardrail in now.plan.guardrails}
        for source in self.sources:
            told = source(connection, now, since_us, until_us)
            found |= {name: both for name, both in told.items() if name in watched}
        mine = rollout_looks.c.name == now.id
        change = rollout_looks.update().where(mine).values(until_us=until_us)
        connection.execute(change)
        return found

    def _hold(self) -> bool:
        """Take the lease, or keep it; False while another process has it."""
        now_us, table = self.now_us(), rollout_looks.c
        until_us = now_us + round(LEASES * self.look_s * 1e6)
        with self.database.write() as connection:
            row = {"name": _ALL, "holder": "", "until_us": 0}
            insert_new(connection, rollout_looks, row)
            free = sa.or_(table.holder == self.holder, table.until_us < now_us)
            change = rollout_looks.update().where(table.name == _ALL, free)
            values = change.values(holder=self.holder, until_us=until_us)
            return connection.execute(values).rowcount == 1

    def leave(self) -> None:
        """Let another process look at once."""
        table = rollout_looks.c
        mine = sa.and_(table.name == _ALL, table.holder == self.holder)
        with self.database.write() as connection:
            connection.execute(rollout_looks.update().where(mine).values(until_us=0))

    def _purge(self) -> None:
        """Delete what was written of rollouts that are over."""
        over = sa.select(rollouts.c.id).where(rollouts.c.active.is_(None))
        with self.database.write() as connection:
            for table in _KEPT:
                connection.execute(table.delete().where(table.c.rollout.in_(over)))
            done = rollout_looks.c.name.in_(over)
            connection.execute(rollout_looks.delete().where(done))


def _left_over(connection: sa.Connection) -> bool:
    """Say whether anything is kept of rollouts that are over."""
    for table in _KEPT:
        query = sa.select(table.c.rollout).join(
            rollouts, rollouts.c.id == table.c.rollout
        )
        ended = query.where(rollouts.c.active.is_(None)).limit(1)
        if connection.execute(ended).first() is not None:
            return True
    return False


def _said_until(connection: sa.Connection, rollout: Rollout) -> int:
    row = {"name": rollout.id, "holder": "", "until_us": rollout.started_us}
    insert_new(connection, rollout_looks, row)
    query = sa.select(rollout_looks.c.until_us)
    return connection.execute(
        query.where(rollout_looks.c.name == rollout.id)
    ).scalar_one()


def _at_once(rollout: Rollout) -> bool:
    """Say whether all got the newer version at once, and nobody has the older one."""
    return rollout.plan.strategy == "blue-green" and rollout.weight == BUCKETS


def _with_past(
    now: Rollout, looks: Mapping[str, Both], past: Before
) -> dict[str, Both]:
    """Return *looks* with the older version's side from before, where it has none.

    As many units as the newer version has in this look, which no look had before.
    """
    found = dict(looks)
    for name, look in looks.items():
        known = now.state.ledgers.get(name, Ledger()).old
        if not size(look.old) and size(look.new):
            start = size(known)
            old = past.looks(start, size(look.new)).get(name)
            if old is not None and type(old) is type(look.new):
                found[name] = Both(old=old, new=look.new)
    return found
