"""Model versions: numbered once, named by their definition, and only ever followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.clock import to_text
from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Corrupt, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data import card, lineage
from roadbed.inference.snapshot import ModelVersion
from roadbed.registry.tables import model_versions

ON_VERSION = "on_version"
"""What a database carries to be called with each version that is made: a notary."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Registered(ModelVersion):
    """A model version, and how it came to be: by which run, when and by whom."""

    run_id: str | None
    created_us: int
    actor: str

    def __str__(self) -> str:
        if not self.number:
            return f"{self.model} (not registered)"
        return f"{self.model}@{self.number}"

    def __repr__(self) -> str:
        return card.line(str(self), self._facts())

    def _repr_html_(self) -> str:
        made = {"made": to_text(self.created_us), "by": self.actor}
        return card.table(str(self), {**self._facts(), **made})

    def _facts(self) -> dict[str, object]:
        parity = self.body.get("parity", {})
        return {
            "kind": self.kind,
            "sha256": short(self.digest),
            "provider": self.body.get("provider", ""),
            "run": self.run_id,
            "parity": f"{parity['difference']:.1e}" if parity else "",
        }


def add_version(
    connection: sa.Connection,
    model: str,
    definition: Mapping[str, Any],
    actor: str,
    now_us: int,
    run_id: str | None = None,
) -> Registered:
    """Return the version of *model* with this *definition*, made now if it is new.

    If the newest version has the same definition, that one is returned and
    nothing is written. Otherwise the next number is given out, the audit entry is
    appended, and what the database carries as `ON_VERSION` seals the version, all in
    the caller's transaction.
    """
    hold(connection)  # One at a time gives out numbers, in the order of the log.
    newest = newest_version(connection, model)
    digest = digest_of(definition)
    if newest is not None and newest.digest == digest:
        return newest
    number = 1 if newest is None else newest.number + 1
    made = Registered(
        model=model,
        number=number,
        digest=digest,
        definition=definition,
        run_id=run_id,
        created_us=now_us,
        actor=actor,
    )
    connection.execute(model_versions.insert().values(_row(made)))
    lineage.link(connection, _origins(made))
    append(connection, now_us, _entry(made))
    connection.get_execution_options().get(ON_VERSION, _nothing)(connection, made)
    return made


def _nothing(_connection: sa.Connection, _version: Registered) -> None:
    return None


def _origins(made: Registered) -> list[lineage.Edge]:
    """Return what the version came out of: its run, and the version it goes on from."""
    src, parent = lineage.model(made), str(made.body.get("parent") or "")
    found = []
    if made.run_id:
        found.append(lineage.Edge(src, lineage.MADE_BY, lineage.run(made.run_id)))
    if parent:
        found.append(lineage.Edge(src, lineage.GOES_ON_FROM, lineage.model(parent)))
    return found


def get_version(connection: sa.Connection, ref: VersionRef) -> Registered:
    """Return the version that *ref* names; raise NotFound, or Corrupt if edited."""
    query = sa.select(model_versions).where(
        model_versions.c.model == ref.name, model_versions.c.number == ref.number
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(
            f"there is no model version {ref}",
            hint=_known(connection, ref.name),
        )
    return _read(row)


def newest_version(connection: sa.Connection, model: str) -> Registered | None:
    """Return the version of *model* with the highest number, or None."""
    query = _of(model).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _read(row)


def list_versions(connection: sa.Connection, model: str) -> list[Registered]:
    """Return all versions of *model*, newest first."""
    return [_read(row) for row in connection.execute(_of(model)).mappings()]


def model_names(connection: sa.Connection) -> list[str]:
    """Return the names of all models that have a version, in order."""
    names = sa.select(model_versions.c.model).distinct()
    return sorted(connection.execute(names).scalars())


def versions_of_run(connection: sa.Connection, run_id: str) -> list[Registered]:
    """Return the versions that the run *run_id* registered, oldest first."""
    query = (
        sa.select(model_versions)
        .where(model_versions.c.run_id == run_id)
        .order_by(model_versions.c.created_us, model_versions.c.number)
    )
    return [_read(row) for row in connection.execute(query).mappings()]


def _of(model: str) -> sa.Select[Any]:
    query = sa.select(model_versions).where(model_versions.c.model == model)
    return query.order_by(model_versions.c.number.desc())


def _known(connection: sa.Connection, model: str) -> str:
    newest = newest_version(connection, model)
    if newest is None:
        return f"no version of {model} is registered yet"
    return f"{model} has versions 1 to {newest.number}"


def _entry(version: Registered) -> Entry:
    return Entry(
        actor=version.actor,
        action="model.register",
        resource=f"Model/{version.model}",
        detail={
            "version": version.number,
            "digest": version.digest,
            "run": version.run_id or "",
        },
    )


def _row(version: Registered) -> dict[str, Any]:
    return {
        "model": version.model,
        "number": version.number,
        "digest": version.digest,
        "definition": dict(version.definition),
        "run_id": version.run_id,
        "created_us": version.created_us,
        "actor": version.actor,
    }


def _read(row: Mapping[Any, Any]) -> Registered:
    version = Registered(**row)
    if digest_of(version.definition) != version.digest:
        raise Corrupt(
            f"the stored definition of {version} is not the one that was registered",
            hint="restore the database from a backup, then run `roadbed audit verify`",
        )
    return version
