"""The protocol's model versions: made of files of ours, and immutable from then on."""

import re
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Invalid
from roadbed.registry.clients import logged
from roadbed.registry.clients.search import ROOT
from roadbed.registry.tracking import model_search, models, versions
from roadbed.registry.tracking.versions import STAGES, Origin, TrackedVersion
from roadbed.server.mlflow.artifacts import REGISTRY, Spot, read_spot
from roadbed.server.mlflow.locate import run_called
from roadbed.server.mlflow.models import (
    MAX_VALUE,
    pinned_by,
    search_in,
    tag_in,
    tags_in,
)
from roadbed.server.mlflow.route import Asked, route
from roadbed.server.mlflow.seek import (
    logged_called,
    model_named,
    model_of_version,
    name_of,
    pair_of,
    version_called,
    version_named,
)
from roadbed.server.mlflow.shown import shown_versions

_OF_RUN = re.compile(r"runs:/+([^/]+)(?:/(.*))?")
_OF_MODEL = re.compile(r"models:/+(m-[0-9a-f]+)")
_OF_VERSION = re.compile(r"models:/+([^/@]+)(?:/([0-9]{1,9})|@([\w\-]+))")
_OF_FILES = re.compile(
    r"(?:mlflow-artifacts:(?://[^/]*)?/+|https?://[^/]+/api/2\.0/mlflow-artifacts/"
    r"artifacts/)(.*)"
)


def create(ask: Asked) -> dict[str, Any]:
    """Register a version: of files of a run, of a logged model, or of a version."""
    source = ask.fields.required("source", 2_000)
    origin = _origin(ask, source)
    described, tags = ask.fields.text("description", MAX_VALUE), tags_in(ask)
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        made = versions.register(connection, ask.who, found, origin)
        made = versions.describe(connection, ask.who, made, described)
        models.set_tags(connection, made.model, made.number, tags)
        return _one(connection, found.name, made)


def get(ask: Asked) -> dict[str, Any]:
    """Show a version."""
    with ask.services.database.read() as connection:
        found, version = pair_of(ask, connection)
        return _one(connection, found.name, version)


def search(ask: Asked) -> dict[str, Any]:
    """Find versions of all models."""
    with ask.services.database.read() as connection:
        wanted = search_in(ask, 10_000, 200_000)
        found, token = model_search.search_versions(connection, ask.tenant, wanted)
        if not ask.sees_all("version.read", "ModelVersion"):
            found = [p for p in found if _visible(ask, connection, p[1])]
        more = {"next_page_token": token} if token else {}
        return {"model_versions": shown_versions(connection, found), **more}


def update(ask: Asked) -> dict[str, Any]:
    """Replace the description of a version."""
    described = ask.fields.text("description", MAX_VALUE)
    with ask.services.database.write() as connection:
        found, version = pair_of(ask, connection)
        changed = versions.describe(connection, ask.who, version, described)
        return _one(connection, found.name, changed)


def transition(ask: Asked) -> dict[str, Any]:
    """Move a version to a stage, which is a word of the client's."""
    wanted = ask.fields.required("stage", 40).lower()
    stage = next((s for s in STAGES if s.lower() == wanted), None)
    if stage is None:
        raise Invalid(
            f"Invalid Model Version stage: {wanted}. Value must be one of "
            f"{', '.join(STAGES)}."
        )
    archive = ask.fields.flag("archive_existing_versions")
    with ask.services.database.write() as connection:
        found, version = pair_of(ask, connection)
        changed = versions.transition(
            connection, ask.who, found, version, stage, archive
        )
        return _one(connection, found.name, changed)


def delete(ask: Asked) -> dict[str, Any]:
    """Put a version away, unless an alias or an endpoint names it."""
    with ask.services.database.write() as connection:
        found, version = pair_of(ask, connection)
        pins = pinned_by(connection, found.model).get(version.number, ())
        versions.delete(connection, ask.who, found, version, pins)
    return {}


def download_uri(ask: Asked) -> dict[str, Any]:
    """Say where the files of a version are: read from its definition, not the run's."""
    with ask.services.database.read() as connection:
        _, version = pair_of(ask, connection)
    where = f"{ROOT}{REGISTRY}/{version.model}/{version.number}"
    return {"artifact_uri": where}


def set_tag(ask: Asked) -> dict[str, Any]:
    """Set a tag of a version."""
    key, value = tag_in(ask)
    with ask.services.database.write() as connection:
        _, version = pair_of(ask, connection)
        models.set_tags(connection, version.model, version.number, {key: value})
    return {}


def delete_tag(ask: Asked) -> dict[str, Any]:
    """Remove a tag of a version."""
    key = ask.fields.required("key", 250)
    with ask.services.database.write() as connection:
        _, version = pair_of(ask, connection)
        models.delete_tag(connection, version.model, version.number, key)
    return {}


def _visible(ask: Asked, connection: sa.Connection, version: TrackedVersion) -> bool:
    target = version_called(connection, version.model, version.number).target
    return target is not None and ask.viewer.may("version.read", target)


def _one(
    connection: sa.Connection, name: str, version: TrackedVersion
) -> dict[str, Any]:
    return {"model_version": shown_versions(connection, [(name, version)])[0]}


def _origin(ask: Asked, source: str) -> Origin:
    """Return where the files at *source* are; raise Invalid unless they are here.

    Whoever registers them has to be allowed to read them.
    """
    if found := _OF_MODEL.fullmatch(source):
        return _of_logged(ask, source, found[1])
    if found := _OF_VERSION.fullmatch(source):
        return _of_version(ask, source, found[1], found[2], found[3])
    if found := _OF_RUN.fullmatch(source):
        return _of_spot(ask, source, Spot(found[2] or "", run_id=found[1]))
    if found := _OF_FILES.fullmatch(source):
        return _of_spot(ask, source, read_spot(found[1]))
    raise Invalid(
        f"Invalid model version source: {source[:200]!r}",
        hint="register files that were logged to this server: runs:/ID/PATH, "
        "models:/ID, or models:/NAME/VERSION",
    )


def _of_spot(ask: Asked, source: str, spot: Spot) -> Origin:
    if spot.version is not None:
        sought = _seen(ask, *spot.version)
        return _copied(ask, source, *sought)
    if spot.model:
        return _of_logged(ask, source, spot.model)
    with ask.services.database.read() as connection:
        sought_run = run_called(connection, spot.run_id)
    ask.must_see(sought_run, "run.read")
    folder = spot.path.strip("/")
    id = ask.fields.text("model_id", 100)
    return Origin(source=source, run_id=spot.run_id, folder=folder, model_id=id)


def _of_logged(ask: Asked, source: str, id: str) -> Origin:
    ask.must_see(logged_called(ask, id), "run.read")
    with ask.services.database.read() as connection:
        found = logged.get(connection, id)
    return Origin(
        source=source, run_id=found.run_id, folder=found.folder, model_id=found.id
    )


def _of_version(
    ask: Asked, source: str, name: str, number: str | None, alias: str | None
) -> Origin:
    with ask.services.database.read() as connection:
        found = models.get(connection, ask.tenant, name)
        chosen = int(number) if number else 0
        if alias:
            chosen = models.alias_of(connection, found, alias) or 0
        versions.get(connection, found, chosen)
    return _copied(ask, source, *_seen(ask, found.model, chosen))


def _seen(ask: Asked, model: str, number: int) -> tuple[str, int]:
    with ask.services.database.read() as connection:
        sought = version_called(connection, model, number)
    ask.must_see(sought, "version.read")
    return model, number


def _copied(ask: Asked, source: str, model: str, number: int) -> Origin:
    with ask.services.database.read() as connection:
        files = versions.files_of(connection, model, number)
        known = versions.find(connection, model, number)
    if known is None:
        raise Invalid(f"Invalid model version source: {source[:200]!r}")
    return Origin(
        source=source, run_id=known.run_id, files=files, model_id=known.model_id
    )


_READ, _WRITE, _AT = "version.read", "model.register", "model-versions"
_ON = {"locate": model_of_version}
_SEEN = {"locate": version_named}
ROUTES = (
    route("POST", f"{_AT}/create", _WRITE, create, "Register", locate=model_named),
    route("GET", f"{_AT}/get", _READ, get, "Show a registered version", **_SEEN),
    route("GET", f"{_AT}/search", _READ, search, "Find versions", lists=True),
    route("PATCH", f"{_AT}/update", _WRITE, update, "Describe a version", **_ON),
    route("POST", f"{_AT}/transition-stage", _WRITE, transition, "Name a stage", **_ON),
    route("DELETE", f"{_AT}/delete", _WRITE, delete, "Put a version away", **_ON),
    route(
        "GET",
        f"{_AT}/get-download-uri",
        _READ,
        download_uri,
        "Say where",
        **_SEEN,
    ),
    route("POST", f"{_AT}/set-tag", _WRITE, set_tag, "Tag a version", **_ON),
    route("DELETE", f"{_AT}/delete-tag", _WRITE, delete_tag, "Untag it", **_ON),
)
