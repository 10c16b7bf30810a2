"""Performs a plan: all of it in one transaction, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.control.evaluations import must_be_evaluated
from roadbed.control.plan import Change, Plan, make_plan, next_version
from roadbed.control.preview import Preview
from roadbed.control.promote import must_be_approved, promotions
from roadbed.control.rolling import Applying, take_turns, turns
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State, current, last_revisions
from roadbed.control.tables import resources, snapshots
from roadbed.core.clock import Clock, to_us
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict
from roadbed.database.engine import Database
from roadbed.database.tables import bump
from roadbed.ports.blobs import Blobs
from roadbed.registry.versions import add_version
from roadbed.rollouts.store import hold_active


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did: the revision it made, and the model versions."""

    revision: int
    digest: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """One transaction under way: what every row of it says."""

    connection: sa.Connection
    revision: int
    actor: str
    now_us: int


def apply(
    database: Database, blobs: Blobs, clock: Clock, stack: Stack, plan: Plan, actor: str
) -> Applied:
    """Make *plan* true in one transaction and return what was made.

    An empty plan changes nothing. Raises Conflict if the stack moved since the
    plan was made, or if *stack* is not the one that was planned; Denied if a version
    that goes into production lacks the approvals that its model takes, or, as
    GateFailed, what its endpoint's evaluations ask.
    """
    _keep_trees(stack, plan, blobs)
    with database.write() as connection:
        hold(connection)  # From here on nobody else applies or registers,
        hold_active(connection)  # nor does any rollout move.
        state = current(connection)
        _compare(stack, plan, state)
        if not plan.changes:
            return Applied(revision=state.revision, digest=state.digest)
        write = _Write(
            connection=connection,
            revision=state.revision + 1,
            actor=actor,
            now_us=to_us(clock.now()),
        )
        promoted = promotions(stack, state)
        made = _versions(write, stack, plan, state)
        must_be_approved(connection, promoted, actor)
        seen = Preview(live=state, stack=stack)
        must_be_evaluated(connection, seen, promoted, actor, write.now_us)
        digest = record(write, plan, state, stack.by_key)
        applying = Applying(write.revision, actor, write.now_us)
        take_turns(connection, turns(stack, state), applying)
    return Applied(revision=write.revision, digest=digest, versions=made)


def first(
    connection: sa.Connection, loaded: Mapping[tuple[str, str], Loaded], now_us: int
) -> str:
    """Write revision 1 with the resources of genesis and return its digest."""
    changes = tuple(Change(action="create", kind=k, name=n) for k, n in sorted(loaded))
    plan = Plan(base=0, changes=changes)
    write = _Write(
        connection=connection, revision=1, actor="system:roadbed", now_us=now_us
    )
    return record(write, plan, State(), loaded)


def record(
    write: _Write, plan: Plan, state: State, loaded: Mapping[tuple[str, str], Loaded]
) -> str:
    """Write the rows, the snapshot and the audit entries; return the digest."""
    numbers = last_revisions(write.connection)
    rows = [
        _row(write, change, numbers.get(change.key, 0) + 1, loaded, state)
        for change in plan.changes
    ]
    write.connection.execute(resources.insert(), rows)
    content = _content(write, plan, state, rows)
    digest = digest_of(content)
    write.connection.execute(
        snapshots.insert().values(
            revision=write.revision,
            digest=digest,
            content=content,
            applied_by=write.actor,
            applied_us=write.now_us,
        )
    )
    append(write.connection, write.now_us, *_entries(write, plan, digest, rows))
    bump(write.connection, "serving")
    return digest


def _keep_trees(stack: Stack, plan: Plan, blobs: Blobs) -> None:
    """Put the bytes of pinned folders; bytes without a plan harm nobody."""
    for change in plan.changes:
        loaded = stack.by_key.get(change.key)
        for tree in loaded.trees.values() if loaded is not None else ():
            for file in tree.files:
                if not blobs.has(file.digest):
                    blobs.put([file.data])


def _compare(stack: Stack, plan: Plan, state: State) -> None:
    if state.revision != plan.base:
        raise Conflict(
            f"the stack moved from revision {plan.base} to {state.revision} "
            "since this plan was made",
            hint="run `roadbed plan` again and look at what changed",
        )
    if make_plan(stack, state).digest != plan.digest:
        raise Conflict(
            "the folder, or the models it names, changed since this plan was made",
            hint="run `roadbed plan` again",
        )


def _versions(write: _Write, stack: Stack, plan: Plan, state: State) -> tuple[str, ...]:
    made = []
    for change in plan.changes:
        if change.makes:
            version = next_version(stack.by_key[change.key].content, state)
            assert version is not None
            name, definition = change.name, version[1]
            added = add_version(
                write.connection, name, definition, write.actor, write.now_us
            )
            made.append(str(added))
    return tuple(made)


def _row(
    write: _Write,
    change: Change,
    number: int,
    loaded: Mapping[tuple[str, str], Loaded],
    state: State,
) -> dict[str, Any]:
    retired = change.action == "retire"
    source = state.resources[change.key] if retired else loaded[change.key]
    return {
        "kind": change.kind,
        "name": change.name,
        "revision": number,
        "snapshot": write.revision,
        "change": change.action,
        "state": "retired" if retired else "live",
        "content": source.content,
        "digest": digest_of(source.content),
        "file": source.file,
        "line": source.line,
        "applied_by": write.actor,
        "applied_us": write.now_us,
    }


def _content(
    write: _Write, plan: Plan, state: State, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    live = {f"{k}/{n}": r.digest for (k, n), r in state.resources.items()}
    for row in rows:
        key = f"{row['kind']}/{row['name']}"
        live[key] = row["digest"]
        if row["state"] == "retired":
            del live[key]
    return {
        "revision": write.revision,
        "previous": state.digest,
        "plan": plan.digest,
        "resources": live,
    }


def _entries(
    write: _Write, plan: Plan, digest: str, rows: list[dict[str, Any]]
) -> list[Entry]:
    made = {change.key: change.makes for change in plan.changes}
    entries = [
        Entry(
            actor=write.actor,
            action="stack.apply",
            resource=f"{row['kind']}/{row['name']}",
            detail={
                "change": row["change"],
                "revision": row["revision"],
                "digest": row["digest"],
                "file": row["file"],
                "line": row["line"],
                "stack": write.revision,
                "makes": made[row["kind"], row["name"]],
            },
        )
        for row in rows
    ]
    detail = {"digest": digest, "plan": plan.digest, "changes": len(rows)}
    whole = Entry(
        actor=write.actor,
        action="stack.apply",
        resource=f"Stack/{write.revision}",
        detail=detail,
    )
    return [*entries, whole]
