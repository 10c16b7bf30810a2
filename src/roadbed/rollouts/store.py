"""Keeps rollouts: one under way for each endpoint, changed step by step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, NotFound
from roadbed.database.tables import bump
from roadbed.rollouts.rollout import Change, Rollout
from roadbed.rollouts.state import Phase, State
from roadbed.rollouts.tables import rollout_changes as changes
from roadbed.rollouts.tables import rollouts
from roadbed.rollouts.written import plan_read, plan_written, state_read, state_written

PAGE = 100
STEER, ROLLBACK = "rollout.steer", "rollout.rollback"
"""What the audit log calls a change of a rollout, and one back."""


def begin(connection: sa.Connection, rollout: Rollout, reason: str) -> None:
    """Write down a new rollout and its first change, in the audit log too.

    What is only a pin that changed the log says already, where the stack was applied.
    Raises Conflict if another one is active on its endpoint.
    """
    if not rollout.state.over and active(connection, rollout.endpoint) is not None:
        raise Conflict(f"another rollout of {rollout.endpoint} is under way")
    connection.execute(rollouts.insert().values(_row(rollout)))
    said = _note(connection, rollout, rollout.started_by, reason, {})
    if rollout.spec or rollout.declared != rollout.new:
        _audit(connection, rollout, rollout.started_by, said)
    bump(connection, "serving")


def change(
    connection: sa.Connection,
    before: Rollout,
    state: State,
    actor: str,
    evidence: Mapping[str, Any],
    now_us: int,
) -> Rollout:
    """Move *before* to *state* if nobody else moved it, and return it.

    A change of phase or step is noted with its *evidence*, in the audit log too, and
    what replicas watch counts up; anything else is only what was seen. Raises
    Conflict if it moved.
    """
    after = replace(before, state=state, changed_us=now_us)
    moved = connection.execute(
        rollouts.update()
        .where(
            rollouts.c.id == before.id, rollouts.c.state == state_written(before.state)
        )
        .values(_row(after))
    )
    if moved.rowcount != 1:
        raise Conflict(f"rollout {before.id} moved in the meantime", hint="look again")
    if state.revision != before.state.revision:
        said = _note(connection, after, actor, state.reason, evidence)
        _audit(connection, after, actor, said)
        bump(connection, "serving")
    return after


def get(connection: sa.Connection, rollout_id: str, *, hold: bool = False) -> Rollout:
    """Return one rollout; raise NotFound.

    With *hold* nobody else moves it until the transaction ends.
    """
    query = sa.select(rollouts).where(rollouts.c.id == rollout_id)
    # Whoever writes a tally meanwhile, which names this row, does not wait.
    query = query.with_for_update(key_share=True) if hold else query
    found = connection.execute(query).mappings().first()
    if found is None:
        raise NotFound(
            f"no rollout is called {rollout_id[:80]!r}",
            hint="`roadbed rollout list` lists them",
        )
    return _read(found)


def active(connection: sa.Connection, endpoint: str) -> Rollout | None:
    """Return the rollout that is under way on *endpoint*, None if none is."""
    query = sa.select(rollouts).where(rollouts.c.active == endpoint)
    found = connection.execute(query).mappings().first()
    return None if found is None else _read(found)


def all_active(connection: sa.Connection) -> list[Rollout]:
    """Return the rollouts that are under way, by their endpoints."""
    query = sa.select(rollouts).where(rollouts.c.active.is_not(None))
    rows = connection.execute(query.order_by(rollouts.c.endpoint)).mappings()
    return [_read(row) for row in rows]


def hold_active(connection: sa.Connection) -> None:
    """Let nobody else move any rollout until the transaction ends."""
    query = sa.select(rollouts.c.id).where(rollouts.c.active.is_not(None))
    ordered = query.order_by(rollouts.c.endpoint)
    connection.execute(ordered.with_for_update(key_share=True)).all()


def newest(connection: sa.Connection, endpoint: str) -> Rollout | None:
    """Return the newest rollout of *endpoint*, over or not, None if there was none."""
    found = listed(connection, endpoint=endpoint, limit=1)
    return found[0] if found else None


def newest_of_each(connection: sa.Connection) -> dict[str, Rollout]:
    """Return the newest rollout of each endpoint that had any."""
    other = rollouts.alias()
    place, its = (sa.tuple_(t.c.started_us, t.c.id) for t in (rollouts, other))
    later = sa.exists().where(other.c.endpoint == rollouts.c.endpoint, its > place)
    rows = connection.execute(sa.select(rollouts).where(~later)).mappings()
    return {row["endpoint"]: _read(row) for row in rows}


def listed(
    connection: sa.Connection,
    *,
    tenant: str = "",
    endpoint: str = "",
    phases: Iterable[str] = (),
    after: Rollout | None = None,
    limit: int = PAGE,
) -> list[Rollout]:
    """Return rollouts, the newest first, those that follow *after* in this order."""
    query = sa.select(rollouts)
    if tenant:
        query = query.where(rollouts.c.tenant == tenant)
    if endpoint:
        query = query.where(rollouts.c.endpoint == endpoint)
    if wanted := tuple(phases):
        query = query.where(rollouts.c.phase.in_(wanted))
    if after is not None:
        place = sa.tuple_(rollouts.c.started_us, rollouts.c.id)
        query = query.where(place < sa.tuple_(after.started_us, after.id))
    ordered = query.order_by(rollouts.c.started_us.desc(), rollouts.c.id.desc())
    rows = connection.execute(ordered.limit(limit)).mappings()
    return [_read(row) for row in rows]


def changes_of(connection: sa.Connection, rollout_id: str) -> list[Change]:
    """Return what happened to a rollout, in order."""
    query = sa.select(changes).where(changes.c.rollout == rollout_id)
    rows = connection.execute(query.order_by(changes.c.revision)).mappings()
    return [Change(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Moved:
    """A change, without what it rests on."""

    rollout: str
    phase: Phase
    weight: int
    actor: str
    at_us: int


def history(connection: sa.Connection, endpoint: str) -> list[tuple[Rollout, Moved]]:
    """Return every change of every rollout of *endpoint*, in order."""
    mine = rollouts.c.endpoint == endpoint
    rows = connection.execute(sa.select(rollouts).where(mine)).mappings()
    named = {row["id"]: _read(row) for row in rows}
    if not named:
        return []
    told = sa.select(*(changes.c[f.name] for f in fields(Moved)))
    # One that ends and one that begins in the same apply do so at the same moment.
    ordered = (
        told.join(rollouts, rollouts.c.id == changes.c.rollout)
        .where(mine)
        .order_by(
            changes.c.at_us, rollouts.c.started_us, rollouts.c.id, changes.c.revision
        )
    )
    moved = (Moved(**row) for row in connection.execute(ordered).mappings())
    return [(named[each.rollout], each) for each in moved]


def _note(
    connection: sa.Connection,
    rollout: Rollout,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """Note where *rollout* is now, and return what the audit log says of it."""
    state, digest = rollout.state, digest_of(dict(evidence))
    said = {"rollout": rollout.id, "phase": state.phase, "step": state.step}
    said |= {"weight": rollout.weight, "reason": reason, "evidence_digest": digest}
    connection.execute(
        changes.insert().values(
            **said,
            revision=state.revision,
            actor=actor,
            evidence=dict(evidence),
            at_us=rollout.changed_us,
        )
    )
    return said


def _audit(
    connection: sa.Connection, rollout: Rollout, actor: str, said: Mapping[str, Any]
) -> None:
    back = rollout.state.phase in ("rolling_back", "rolled_back")
    entry = Entry(
        actor=actor,
        action=ROLLBACK if back or rollout.declared != rollout.new else STEER,
        resource=f"Endpoint/{rollout.endpoint}",
        detail={**said, "from": rollout.old, "to": rollout.new},
    )
    append(connection, rollout.changed_us, entry)


def _row(rollout: Rollout) -> dict[str, Any]:
    state = rollout.state
    plain = (
        *("id", "endpoint", "tenant", "declared", "old", "new", "old_digest"),
        *("new_digest", "snapshot", "started_by", "started_us", "changed_us"),
    )
    return {name: getattr(rollout, name) for name in plain} | {
        "spec": dict(rollout.spec),
        "plan": plan_written(rollout.plan),
        "state": state_written(state),
        "revision": state.revision,
        "phase": state.phase,
        "active": None if state.over else rollout.endpoint,
    }


def _read(row: Mapping[Any, Any]) -> Rollout:
    plain = {k: v for k, v in row.items() if k not in ("revision", "phase", "active")}
    return Rollout(
        **{
            **plain,
            "plan": plan_read(row["plan"]),
            "state": state_read(row["state"]),
        }
    )
