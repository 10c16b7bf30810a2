"""What is live now, what was live before, and who changed it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from roadbed.access.rules import ROLE, role_text
from roadbed.control.stack import Key
from roadbed.control.tables import resources, snapshots
from roadbed.core.digest import digest_of
from roadbed.core.errors import Corrupt, NotFound
from roadbed.core.reference import VersionRef
from roadbed.core.resource import tenant_of
from roadbed.inference.snapshot import ModelVersion
from roadbed.registry.approvals import withdrawn
from roadbed.registry.versions import list_versions, model_names
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.store import newest_of_each

_MEND = "restore the database from a backup, then run `roadbed audit verify`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of one resource: its content, and how it came to be.

    `snapshot` is the revision of the stack that made it.
    """

    kind: str
    name: str
    revision: int
    snapshot: int
    change: str
    state: str
    content: Mapping[str, Any]
    digest: str
    file: str
    line: int
    applied_by: str
    applied_us: int

    @property
    def key(self) -> Key:
        """Return its kind and its name."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is live: the resources, and the versions of every model, oldest first.

    `revision` is 0 and `digest` is empty before anything was applied. `keyed` are
    the service accounts that hold a key that works, and `tenants` whose each
    resource is or was, where somebody looked; `withdrawn` are the model versions
    that can never be pinned again, and `rolling` the newest rollouts, by endpoint.
    """

    revision: int = 0
    digest: str = ""
    resources: Mapping[Key, Revision] = field(default_factory=dict)
    versions: Mapping[str, tuple[ModelVersion, ...]] = field(default_factory=dict)
    keyed: frozenset[str] = frozenset()
    withdrawn: frozenset[VersionRef] = frozenset()
    tenants: Mapping[Key, str] = field(default_factory=dict)
    rolling: Mapping[str, Rollout] = field(default_factory=dict)

    def policies(self) -> dict[str, str]:
        """Return the Cedar text of every live policy and role, by its name."""
        return policies_in(revision.content for revision in self.resources.values())

    def version(self, ref: VersionRef) -> ModelVersion | None:
        """Return the model version that *ref* names, or None."""
        found = [v for v in self.versions.get(ref.name, ()) if v.number == ref.number]
        return found[0] if found else None

    def newest(self, model: str) -> ModelVersion | None:
        """Return the newest version of *model*, or None."""
        versions = self.versions.get(model, ())
        return versions[-1] if versions else None

    def of(self, kind: str) -> list[Revision]:
        """Return the live resources of *kind*, in the order of their names."""
        return [r for key, r in sorted(self.resources.items()) if key[0] == kind]


def policies_in(contents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the Cedar text of every policy and role among *contents*, by name."""
    texts: dict[str, str] = {}
    for content in contents:
        kind, name = content["kind"], content["metadata"]["name"]
        if kind == "Policy":
            texts[name] = content["spec"]["cedar"]
        elif kind == "Role":
            texts[ROLE + name] = role_text(name, content["spec"]["actions"])
    return {name: text for name, text in sorted(texts.items()) if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRevision:
    """One applied change of the stack: when, by whom, and what it changed."""

    revision: int
    digest: str
    applied_by: str
    applied_us: int
    content: Mapping[str, Any]
    changes: tuple[Revision, ...]


def current(connection: sa.Connection) -> State:
    """Return what is live; rows are never edited, so it is of one moment."""
    return replace(
        current_resources(connection),
        versions=_versions(connection),
        withdrawn=withdrawn(connection),
        rolling=newest_of_each(connection),
    )


def current_resources(connection: sa.Connection) -> State:
    """Return what is live without the versions of the models."""
    last = sa.select(snapshots).order_by(snapshots.c.revision.desc()).limit(1)
    row = connection.execute(last).mappings().first()
    if row is None:
        return State()
    return State(
        revision=row["revision"],
        digest=row["digest"],
        resources=live_at(connection, row["revision"]),
    )


def live_at(connection: sa.Connection, revision: int) -> dict[Key, Revision]:
    """Return the resources that were live at *revision* of the stack.

    Raises Corrupt if one is not what was written.
    """
    found = _newest(
        connection,
        resources.c.snapshot <= revision,
        within=resources.c.state == "live",
    )
    return {r.key: r for r in found}


def newest_revision(connection: sa.Connection, kind: str, name: str) -> Revision | None:
    """Return the newest revision of one resource, live or retired, or None."""
    same = (resources.c.kind == kind) & (resources.c.name == name)
    return next(iter(_newest(connection, same)), None)


def newest_revisions(connection: sa.Connection) -> list[Revision]:
    """Return the newest revision of each resource, live or retired."""
    return _newest(connection, sa.true())


def tenants_of(connection: sa.Connection) -> dict[Key, str]:
    """Return the tenant that each resource belongs to, live or retired."""
    return {r.key: tenant_of(r.content) for r in newest_revisions(connection)}


def history(
    connection: sa.Connection, limit: int = 50, before: int | None = None
) -> list[StackRevision]:
    """Return the changes of the stack, newest first; *before* is exclusive."""
    query = sa.select(snapshots).order_by(snapshots.c.revision.desc()).limit(limit)
    if before is not None:
        query = query.where(snapshots.c.revision < before)
    rows = connection.execute(query).mappings().all()
    return [_applied(connection, row) for row in rows]


def find_applied(connection: sa.Connection, digest: str) -> StackRevision:
    """Return the change that made the snapshot called *digest*; raise NotFound."""
    query = sa.select(snapshots).where(snapshots.c.digest == digest)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"no snapshot is called {digest}")
    return _applied(connection, row)


def revisions(connection: sa.Connection, kind: str, name: str) -> list[Revision]:
    """Return all revisions of one resource, newest first; raise NotFound if none."""
    query = (
        sa.select(resources)
        .where(resources.c.kind == kind, resources.c.name == name)
        .order_by(resources.c.revision.desc())
    )
    found = [_revision(row) for row in connection.execute(query).mappings()]
    if not found:
        raise NotFound(f"there was never a {kind} called {name!r}")
    return found


def last_revisions(connection: sa.Connection) -> dict[Key, int]:
    """Return the number of the newest revision of every resource, live or retired."""
    query = sa.select(
        resources.c.kind, resources.c.name, sa.func.max(resources.c.revision)
    ).group_by(resources.c.kind, resources.c.name)
    return {(kind, name): number for kind, name, number in connection.execute(query)}


def _newest(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    within: sa.ColumnElement[bool] | None = None,
) -> list[Revision]:
    """Return the newest revision of each resource of those that *where* chooses.

    *within* chooses among the newest ones.
    """
    newest = (
        sa.select(
            resources.c.kind,
            resources.c.name,
            sa.func.max(resources.c.revision).label("revision"),
        )
        .where(where)
        .group_by(resources.c.kind, resources.c.name)
        .subquery()
    )
    query = (
        sa.select(resources)
        .join(
            newest,
            (resources.c.kind == newest.c.kind)
            & (resources.c.name == newest.c.name)
            & (resources.c.revision == newest.c.revision),
        )
        .order_by(resources.c.kind, resources.c.name)
    )
    if within is not None:
        query = query.where(within)
    return [_revision(row) for row in connection.execute(query).mappings()]


def _applied(connection: sa.Connection, row: Mapping[Any, Any]) -> StackRevision:
    if digest_of(row["content"]) != row["digest"]:
        raise Corrupt(f"snapshot {row['revision']} is not what was applied", hint=_MEND)
    query = (
        sa.select(resources)
        .where(resources.c.snapshot == row["revision"])
        .order_by(resources.c.kind, resources.c.name)
    )
    changes = [_revision(r) for r in connection.execute(query).mappings()]
    return StackRevision(**row, changes=tuple(changes))


def _revision(row: Mapping[Any, Any]) -> Revision:
    found = Revision(**row)
    if digest_of(found.content) != found.digest:
        what = f"{found.kind}/{found.name}, revision {found.revision},"
        raise Corrupt(f"{what} is not what was applied", hint=_MEND)
    return found


def _versions(connection: sa.Connection) -> dict[str, tuple[ModelVersion, ...]]:
    names = model_names(connection)
    return {n: tuple(reversed(list_versions(connection, n))) for n in names}
