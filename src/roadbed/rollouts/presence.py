"""What each replica serves of the rollouts under way: it says so every second.

Nothing is written while there are none, and a replica that has not spoken for some
seconds is gone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.inference.snapshot import Snapshot
from roadbed.rollouts import store
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.tables import rollout_replicas as table

ALIVE_US = 5_000_000
"""How long after it last spoke a replica is taken to serve."""
SETTLE_US = 2_000_000
"""How long it takes until every replica has spoken of a rollout that begins."""
MAX_REASON = 300
Loaded = Literal["ready", "failed", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica: `weight` of 10,000 units get the newer version."""

    name: str
    serving: int
    weight: int
    state: Loaded
    reason: str
    seen_us: int


class Presence:
    """Says what this process serves; `seen` returns its snapshot, None before any."""

    def __init__(
        self,
        database: Database,
        name: str,
        seen: Callable[[], Snapshot | None],
        now_us: Callable[[], int],
    ) -> None:
        self._database = database
        self._name = name
        self._seen = seen
        self._now_us = now_us

    def look(self) -> None:
        """Say it once, of each rollout under way. Blocks, and may raise."""
        snapshot = self._seen()
        with self._database.read() as connection:
            rollouts = store.all_active(connection)
        if snapshot is None or not rollouts:
            return
        rows = [self._row(rollout, snapshot) for rollout in rollouts]
        with self._database.write() as connection:
            upsert(connection, table, rows)

    def leave(self) -> None:
        """Say that it serves no longer."""
        with self._database.read() as connection:
            query = sa.select(table.c.rollout).where(table.c.replica == self._name)
            said = connection.execute(query.limit(1)).first()
        if said is not None:
            with self._database.write() as connection:
                gone = table.delete().where(table.c.replica == self._name)
                connection.execute(gone)

    def _row(self, rollout: Rollout, snapshot: Snapshot) -> dict[str, object]:
        state, weight, reason = loaded(rollout, snapshot)
        return {
            "rollout": rollout.id,
            "replica": self._name,
            "serving": snapshot.revision,
            "weight": weight,
            "state": state,
            "reason": reason[:MAX_REASON],
            "seen_us": self._now_us(),
        }


def loaded(rollout: Rollout, snapshot: Snapshot) -> tuple[Loaded, int, str]:
    """Return whether *snapshot* has the newer version, its weight, and why not."""
    if rollout.id in snapshot.unready:
        return "failed", 0, snapshot.unready[rollout.id]
    found = snapshot.deployments.get(rollout.endpoint)
    arms = found.arms if found is not None else None
    if arms is None or arms.rollout != rollout.id:
        return "absent", 0, ""
    return "ready", arms.weight, ""


def replicas_of(
    connection: sa.Connection, rollout_id: str, now_us: int
) -> list[Replica]:
    """Return the replicas that spoke of a rollout lately, by name."""
    query = sa.select(table).where(
        table.c.rollout == rollout_id, table.c.seen_us >= now_us - ALIVE_US
    )
    rows = connection.execute(query.order_by(table.c.replica)).mappings()
    return [_replica(row) for row in rows]


def ready_share(rollout: Rollout, replicas: Sequence[Replica], now_us: int) -> float:
    """Return the share of replicas that have the newer version loaded.

    None has while some may not have spoken yet, or of a rollout that nobody serves.
    """
    if not replicas or now_us - rollout.started_us < SETTLE_US:
        return 0.0
    return sum(r.state == "ready" for r in replicas) / len(replicas)


def back_share(replicas: Sequence[Replica]) -> float:
    """Return the share of replicas that send nothing to the newer version any more."""
    if not replicas:
        return 1.0
    return sum(not r.weight for r in replicas) / len(replicas)


def _replica(row: Mapping[Any, Any]) -> Replica:
    known = {name: row[name] for name in Replica.__slots__ if name != "name"}
    return Replica(name=row["replica"], **known)
