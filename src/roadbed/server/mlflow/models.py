"""The protocol's registered models, their aliases and their tags."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from roadbed.control.readable import pins_of
from roadbed.control.state import current_resources
from roadbed.core.errors import Conflict, Invalid
from roadbed.registry.tracking import model_search, models
from roadbed.registry.tracking.model_search import Search
from roadbed.registry.tracking.models import TrackedModel
from roadbed.registry.tracking.versions import STAGES
from roadbed.server.mlflow import checks
from roadbed.server.mlflow.errors import AlreadyExists
from roadbed.server.mlflow.route import Asked, route
from roadbed.server.mlflow.seek import (
    model_named,
    model_of_version,
    model_target,
    model_to_be,
    name_of,
    number_of,
    registry_name,
)
from roadbed.server.mlflow.shown import model as shown_model
from roadbed.server.mlflow.shown import shown_versions, version_of

MAX_VALUE = 100_000
_ALIAS = re.compile(r"[\w\-]{1,255}")


def create(ask: Asked) -> dict[str, Any]:
    """Make a model. It need not be declared; to be served, it has to be."""
    name, fields = name_of(ask), ask.fields
    tags = tags_in(ask)
    with ask.services.database.write() as connection:
        slug = registry_name(ask, connection, name)
        try:
            described = fields.text("description", MAX_VALUE)
            made = models.create(connection, ask.who, name, slug, described)
        except Conflict as error:
            raise AlreadyExists(error.message) from None
        models.set_tags(connection, made.model, 0, tags)
        return {"registered_model": _shown(connection, [made])[0]}


def get(ask: Asked) -> dict[str, Any]:
    """Show a model."""
    with ask.services.database.read() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        return {"registered_model": _shown(connection, [found])[0]}


def search(ask: Asked) -> dict[str, Any]:
    """Find models by name and tags."""
    with ask.services.database.read() as connection:
        wanted = search_in(ask, 100, 1_000)
        found, token = model_search.search_models(connection, ask.tenant, wanted)
        if not ask.sees_all("model.read", "Model"):
            viewer = ask.viewer
            found = viewer.only(
                "model.read", found, lambda each: model_target(connection, each)
            )
        more = {"next_page_token": token} if token else {}
        return {"registered_models": _shown(connection, found), **more}


def rename(ask: Asked) -> dict[str, Any]:
    """Give a model another name; the registry's name stays."""
    new = ask.fields.required("new_name", 500)
    if "/" in new or ":" in new:
        raise Invalid("Registered model names cannot contain '/' and ':'")
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        try:
            changed = models.rename(connection, ask.who, found, new)
        except Conflict as error:
            raise AlreadyExists(error.message) from None
        return {"registered_model": _shown(connection, [changed])[0]}


def update(ask: Asked) -> dict[str, Any]:
    """Replace the description of a model."""
    described = ask.fields.text("description", MAX_VALUE)
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        changed = models.describe(connection, ask.who, found, described)
        return {"registered_model": _shown(connection, [changed])[0]}


def delete(ask: Asked) -> dict[str, Any]:
    """Put a model and its versions away, unless an alias or an endpoint names one."""
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        pins = pinned_by(connection, found.model)
        if pins:
            raise Conflict(
                f"Registered Model {found.name[:200]!r} is served: versions "
                f"{', '.join(map(str, sorted(pins)))[:200]} are pinned",
                hint="unpin them in the stack first, and apply",
            )
        models.delete(connection, ask.who, found)
    return {}


def latest(ask: Asked) -> dict[str, Any]:
    """Show the newest version in each stage."""
    wanted = [s.lower() for s in ask.fields.texts("stages", 10)]
    stages = {s for s in STAGES if not wanted or s.lower() in wanted}
    unknown = set(wanted) - {s.lower() for s in STAGES}
    if unknown:
        raise Invalid(f"Invalid Model Version stage: {sorted(unknown)[0][:40]}")
    with ask.services.database.read() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        newest = model_search.newest_of(connection, [found.model])
        kept = [v for s, v in newest.get(found.model, {}).items() if s in stages]
        pairs = [(found.name, version) for version in kept]
        return {"model_versions": shown_versions(connection, pairs)}


def set_tag(ask: Asked) -> dict[str, Any]:
    """Set a tag of a model."""
    key, value = tag_in(ask)
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        models.set_tags(connection, found.model, 0, {key: value})
        models.touch(connection, ask.who, found)
    return {}


def delete_tag(ask: Asked) -> dict[str, Any]:
    """Remove a tag of a model."""
    key = ask.fields.required("key", 250)
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        models.delete_tag(connection, found.model, 0, key)
    return {}


def set_alias(ask: Asked) -> dict[str, Any]:
    """Point an alias to a version; each move is in the audit log."""
    alias = ask.fields.required("alias", 255)
    if not _ALIAS.fullmatch(alias):
        raise Invalid(
            f"Invalid alias name: {alias[:80]!r}. Names may only contain "
            "alphanumerics, underscores (_) and dashes (-)"
        )
    if alias.lower() == models.LATEST or re.fullmatch(r"[vV]\d+", alias):
        raise Invalid(f"{alias!r} is reserved, and is no alias")
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        models.set_alias(connection, ask.who, found, alias, number_of(ask))
    return {}


def delete_alias(ask: Asked) -> dict[str, Any]:
    """Remove an alias."""
    alias = ask.fields.required("alias", 255)
    with ask.services.database.write() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        models.delete_alias(connection, ask.who, found, alias)
    return {}


def by_alias(ask: Asked) -> dict[str, Any]:
    """Show the version that an alias points to."""
    alias = ask.fields.required("alias", 255)
    with ask.services.database.read() as connection:
        found = models.get(connection, ask.tenant, name_of(ask))
        number = models.alias_of(connection, found, alias)
        if number is None:
            # Clients look for this code to tell an alias that is not there.
            raise Invalid(f"Registered model alias {alias} not found.")
        version = version_of(connection, found, number)
        return {"model_version": shown_versions(connection, [(found.name, version)])[0]}


def tags_in(ask: Asked) -> dict[str, str]:
    """Return the tags of a request by name."""
    return checks.copied(ask.fields.items("tags", 1_000), MAX_VALUE)


def tag_in(ask: Asked) -> tuple[str, str]:
    """Return the one tag of a request."""
    key = checks.tag_key(ask.fields.required("key", 250))
    return key, ask.fields.text("value", MAX_VALUE)


def search_in(ask: Asked, default: int, most: int) -> Search:
    """Return what a request searches for."""
    fields = ask.fields
    return Search(
        filter=fields.text("filter"),
        order_by=fields.texts("order_by", 16),
        limit=fields.integer("max_results", default, 1, most),
        token=fields.text("page_token", 20_000),
    )


def pinned_by(connection: sa.Connection, model: str) -> Mapping[int, Sequence[str]]:
    """Return which endpoints pin which versions of *model*."""
    found: dict[int, list[str]] = {}
    for endpoint in current_resources(connection).of("Endpoint"):
        for pin in pins_of(endpoint.content):
            if pin.name == model:
                found.setdefault(pin.number, []).append(endpoint.name)
    return found


def _shown(
    connection: sa.Connection, found: Sequence[TrackedModel]
) -> list[dict[str, Any]]:
    names = [each.model for each in found]
    tags, aliases = (
        models.tags_of(connection, names),
        models.aliases_of(connection, names),
    )
    newest = model_search.newest_of(connection, names)
    pairs = [
        (each.name, version)
        for each in found
        for version in newest.get(each.model, {}).values()
    ]
    versions: dict[str, list[dict[str, Any]]] = {}
    for shown in shown_versions(connection, pairs):
        versions.setdefault(shown["name"], []).append(shown)
    return [
        shown_model(
            each,
            tags.get((each.model, 0), {}),
            aliases.get(each.model, {}),
            versions.get(each.name, []),
        )
        for each in found
    ]


_READ, _WRITE = "model.read", "model.register"
_ON = {"locate": model_named}
_AT = "registered-models"
ROUTES = (
    route("POST", f"{_AT}/create", _WRITE, create, "Make a model", locate=model_to_be),
    route("GET", f"{_AT}/get", _READ, get, "Show a registered model", **_ON),
    route("GET", f"{_AT}/search", _READ, search, "Find models", lists=True),
    route("POST", f"{_AT}/rename", _WRITE, rename, "Rename a model", **_ON),
    route("PATCH", f"{_AT}/update", _WRITE, update, "Describe a model", **_ON),
    route("DELETE", f"{_AT}/delete", _WRITE, delete, "Put a model away", **_ON),
    route(
        "GET", f"{_AT}/get-latest-versions", _READ, latest, "Show newest ones", **_ON
    ),
    route(
        "POST", f"{_AT}/get-latest-versions", _READ, latest, "Show the newest", **_ON
    ),
    route("POST", f"{_AT}/set-tag", _WRITE, set_tag, "Tag a model", **_ON),
    route("DELETE", f"{_AT}/delete-tag", _WRITE, delete_tag, "Untag a model", **_ON),
    route(
        "POST",
        f"{_AT}/alias",
        _WRITE,
        set_alias,
        "Point an alias to a version",
        locate=model_of_version,
    ),
    route("DELETE", f"{_AT}/alias", _WRITE, delete_alias, "Remove an alias", **_ON),
    route("GET", f"{_AT}/alias", _READ, by_alias, "Show what an alias is", **_ON),
)
