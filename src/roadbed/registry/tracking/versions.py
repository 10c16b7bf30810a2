"""Versions that clients register: immutable, numbered, and made of sealed files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.log import hold
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.registry.tracking import artifacts, models
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.models import TrackedModel
from roadbed.registry.tracking.tables import run_artifacts, tracked_versions
from roadbed.registry.versions import add_version, get_version, newest_version

STAGES = ("None", "Staging", "Production", "Archived")
MAX_FILES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedVersion:
    """What a client says of a version, beside its definition."""

    model: str
    number: int
    description: str
    source: str
    run_id: str
    model_id: str
    user: str
    stage: str
    gone: bool
    created_us: int
    updated_us: int


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version."""

    path: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the files of a new version are: in a run, below a folder, or in *files*."""

    source: str
    run_id: str
    folder: str = ""
    files: Mapping[str, File] = field(default_factory=dict)
    model_id: str = ""


def register(
    connection: sa.Connection, who: Who, found: TrackedModel, origin: Origin
) -> TrackedVersion:
    """Return a new version of a model; its files can never be changed again.

    Raises Invalid if there are no files.
    """
    hold(connection)
    files = origin.files or _sealed(connection, origin)
    if not files:
        raise Invalid(
            f"Unable to find files at {origin.source[:300]!r}",
            hint="log the model's files to this server, then register them",
        )
    definition = _definition(connection, found, origin, files)
    made = add_version(
        connection, found.model, definition, who.actor, who.now_us, origin.run_id
    )
    version = TrackedVersion(
        model=found.model,
        number=made.number,
        description="",
        source=origin.source,
        run_id=origin.run_id,
        model_id=origin.model_id,
        user=who.actor,
        stage=STAGES[0],
        gone=False,
        created_us=who.now_us,
        updated_us=who.now_us,
    )
    connection.execute(tracked_versions.insert().values(**asdict(version)))
    models.touch(connection, who, found)
    return version


def _definition(
    connection: sa.Connection,
    found: TrackedModel,
    origin: Origin,
    files: Mapping[str, File],
) -> dict[str, Any]:
    """Return what a new version is: its files, by their digests. Nothing runs it."""
    newest = newest_version(connection, found.model)
    listed = [asdict(files[path]) for path in sorted(files)]
    return {
        "tracked": {
            # Counted in, since a client that registers twice means two versions.
            "version": newest.number + 1 if newest else 1,
            "name": found.name,
            "provider": "",
            "format": "mlflow" if "MLmodel" in files else "files",
            "files": listed,
            "tree": digest_of(listed),
            "source": origin.source,
            "model_id": origin.model_id,
        }
    }


def _sealed(connection: sa.Connection, origin: Origin) -> dict[str, File]:
    """Return the files below a folder of a run, closed from now on."""
    artifacts.seal(connection, origin.run_id, origin.folder)
    prefix = f"{origin.folder}/" if origin.folder else ""
    query = sa.select(run_artifacts).where(
        run_artifacts.c.run_id == origin.run_id,
        run_artifacts.c.path.startswith(prefix, autoescape=True),
    )
    found = connection.execute(query.limit(MAX_FILES + 1)).mappings().all()
    if len(found) > MAX_FILES:
        raise Invalid(f"a version has at most {MAX_FILES} files")
    return {
        path: File(path, row["digest"], row["bytes"])
        for row in found
        if (path := row["path"].removeprefix(prefix))
    }


def files_of(connection: sa.Connection, model: str, number: int) -> dict[str, File]:
    """Return the files of a version by their paths; raise NotFound, or Corrupt."""
    version = get_version(connection, VersionRef(model, number))
    listed = version.definition.get("tracked", {}).get("files", [])
    return {each["path"]: File(**each) for each in listed}


def find(connection: sa.Connection, model: str, number: int) -> TrackedVersion | None:
    """Return a version that was not deleted, or None."""
    query = sa.select(tracked_versions).where(
        tracked_versions.c.model == model,
        tracked_versions.c.number == number,
        tracked_versions.c.gone.is_(False),
    )
    row = connection.execute(query).mappings().first()
    return TrackedVersion(**row) if row else None


def get(connection: sa.Connection, found: TrackedModel, number: int) -> TrackedVersion:
    """Return a version that was not deleted; raise NotFound."""
    version = find(connection, found.model, number)
    if version is None:
        raise NotFound(missing(found.name, str(number)))
    return version


def missing(name: str, number: str) -> str:
    """Return what is said of a version that there is none of."""
    return f"Model Version (name={name[:200]}, version={number[:20]}) not found"


def describe(
    connection: sa.Connection, who: Who, version: TrackedVersion, description: str
) -> TrackedVersion:
    """Replace the description of a version."""
    return _change(connection, who, version, description=description)


def transition(
    connection: sa.Connection,
    who: Who,
    found: TrackedModel,
    version: TrackedVersion,
    stage: str,
    archive: bool,
) -> TrackedVersion:
    """Move a version to a stage: a word of the client's, which serves nothing."""
    if archive and stage in ("Staging", "Production"):
        others = (
            tracked_versions.c.model == found.model,
            tracked_versions.c.stage == stage,
            tracked_versions.c.number != version.number,
        )
        said = {"stage": "Archived", "updated_us": who.now_us}
        connection.execute(tracked_versions.update().where(*others).values(**said))
    detail = {"version": version.number, "stage": stage, "before": version.stage}
    models.audit(connection, who, found, **detail)
    return _change(connection, who, version, stage=stage)


def delete(
    connection: sa.Connection,
    who: Who,
    found: TrackedModel,
    version: TrackedVersion,
    pinned_by: Sequence[str],
) -> None:
    """Put a version away, so that clients find it no more; its number stays taken.

    Raises Conflict while an alias points to it, or an endpoint pins it.
    """
    known = models.aliases_of(connection, [found.model]).get(found.model, {})
    mine = sorted(alias for alias, number in known.items() if number == version.number)
    name = f"{found.name[:200]} version {version.number}"
    if mine:
        raise Conflict(
            f"{name} has the alias {', '.join(mine)[:200]}",
            hint="move or delete the alias first",
        )
    if pinned_by:
        raise Conflict(
            f"{name} is pinned by endpoint {', '.join(pinned_by)[:200]}",
            hint="pin another version there first, and apply",
        )
    _change(connection, who, version, gone=True)
    models.audit(connection, who, found, change="deleted", version=version.number)


def _change(
    connection: sa.Connection, who: Who, version: TrackedVersion, **values: Any
) -> TrackedVersion:
    changed = replace(version, **values, updated_us=who.now_us)
    mine = (
        tracked_versions.c.model == version.model,
        tracked_versions.c.number == version.number,
    )
    said = {**values, "updated_us": who.now_us}
    connection.execute(tracked_versions.update().where(*mine).values(**said))
    return changed
