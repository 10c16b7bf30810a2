"""The protocol's experiments: folders of runs, so whoever may write runs makes them."""

from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.registry.tracking import experiments
from roadbed.registry.tracking.experiments import DEFAULT_ID, Experiment, Search
from roadbed.server.mlflow import checks, shapes
from roadbed.server.mlflow.errors import AlreadyExists
from roadbed.server.mlflow.route import Asked, route

VIEWS = ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
MOST = 50_000


def create(ask: Asked) -> dict[str, Any]:
    """Make an experiment. The files of its runs are kept here."""
    name = checks.experiment_name(ask.fields.required("name"))
    where = ask.fields.text("artifact_location", 2_048)
    if where and not where.startswith("mlflow-artifacts:"):
        raise Invalid(
            "Invalid value for parameter 'artifact_location' supplied: files of runs "
            "are kept by this server, so that what a model rests on stays as it is",
            hint="leave artifact_location out",
        )
    tags = {
        t.required("key", 250): t.text("value", 20_000)
        for t in ask.fields.items("tags", 1_000)
    }
    with ask.services.database.write() as connection:
        experiments.ensure_default(connection, ask.who)
        try:
            made = experiments.create(connection, ask.who, name, tags)
        except Conflict as error:
            raise AlreadyExists(error.message) from None
    return {"experiment_id": made.id}


def get(ask: Asked) -> dict[str, Any]:
    """Show an experiment by its id."""
    known(ask)
    with ask.services.database.read() as connection:
        id = ask.fields.required("experiment_id", 100)
        found = experiments.get(connection, ask.tenant, id)
        return {"experiment": _shown(connection, found)}


def by_name(ask: Asked) -> dict[str, Any]:
    """Show an experiment by its name, a deleted one too."""
    known(ask)
    name = ask.fields.required("experiment_name")
    with ask.services.database.read() as connection:
        found = experiments.by_name(connection, ask.tenant, name)
        if found is None:
            raise NotFound(f"Could not find experiment with name {name[:200]!r}")
        return {"experiment": _shown(connection, found)}


def search(ask: Asked) -> dict[str, Any]:
    """List experiments: by name, by times and by tags."""
    known(ask)
    wanted = Search(
        filter=ask.fields.text("filter"),
        order_by=ask.fields.texts("order_by", 16),
        view=ask.fields.choice("view_type", VIEWS, VIEWS[0]),
        limit=ask.fields.integer("max_results", 1_000, 1, MOST),
        token=ask.fields.text("page_token", 10_000),
    )
    with ask.services.database.read() as connection:
        found, token = experiments.search(connection, ask.tenant, wanted)
        ids = [each.id for each in found]
        tags = experiments.tags_of(connection, ask.tenant, ids)
    shown = [shapes.experiment(each, tags[each.id]) for each in found]
    return {"experiments": shown, **({"next_page_token": token} if token else {})}


def update(ask: Asked) -> dict[str, Any]:
    """Give an experiment another name."""
    name = checks.experiment_name(ask.fields.required("new_name"))
    with ask.services.database.write() as connection:
        id = ask.fields.required("experiment_id", 100)
        try:
            experiments.rename(connection, ask.who, id, name)
        except Conflict as error:
            raise AlreadyExists(error.message) from None
    return {}


def delete(ask: Asked) -> dict[str, Any]:
    """Put an experiment and its runs away; they can be restored."""
    return _move(ask, "deleted")


def restore(ask: Asked) -> dict[str, Any]:
    """Bring a deleted experiment and its runs back."""
    return _move(ask, "active")


def set_tag(ask: Asked) -> dict[str, Any]:
    """Set a tag of an experiment."""
    key = checks.tag_key(ask.fields.required("key"))
    value = ask.fields.text("value", 20_000)
    with ask.services.database.write() as connection:
        experiments.set_tags(connection, _active(ask, connection), {key: value})
    return {}


def delete_tag(ask: Asked) -> dict[str, Any]:
    """Remove a tag of an experiment."""
    with ask.services.database.write() as connection:
        found = _active(ask, connection)
        experiments.delete_tag(connection, found, ask.fields.required("key", 250))
    return {}


def known(ask: Asked) -> None:
    """See to it that the tenant has the experiment of runs that name none."""
    with ask.services.database.read() as connection:
        if experiments.find(connection, ask.tenant, DEFAULT_ID) is not None:
            return
    with ask.services.database.write() as connection:
        experiments.ensure_default(connection, ask.who)


def _move(ask: Asked, stage: str) -> dict[str, Any]:
    with ask.services.database.write() as connection:
        id = ask.fields.required("experiment_id", 100)
        experiments.move(connection, ask.who, id, stage)
    return {}


def _active(ask: Asked, connection: sa.Connection) -> Experiment:
    id = ask.fields.required("experiment_id", 100)
    return experiments.get_active(connection, ask.tenant, id)


def _shown(connection: sa.Connection, found: Experiment) -> dict[str, Any]:
    tags = experiments.tags_of(connection, found.tenant, [found.id])
    return shapes.experiment(found, tags[found.id])


_READ, _WRITE = "run.read", "run.write"
ROUTES = (
    route("POST", "experiments/create", _WRITE, create, "Make an experiment"),
    route("GET", "experiments/get", _READ, get, "Show an experiment"),
    route(
        "GET", "experiments/get-by-name", _READ, by_name, "Show an experiment by name"
    ),
    route("GET", "experiments/search", _READ, search, "List experiments"),
    route("POST", "experiments/search", _READ, search, "Find experiments"),
    route("POST", "experiments/update", _WRITE, update, "Rename an experiment"),
    route("POST", "experiments/delete", _WRITE, delete, "Put an experiment away"),
    route("POST", "experiments/restore", _WRITE, restore, "Bring an experiment back"),
    route(
        "POST", "experiments/set-experiment-tag", _WRITE, set_tag, "Tag an experiment"
    ),
    route(
        "POST",
        "experiments/delete-experiment-tag",
        _WRITE,
        delete_tag,
        "Remove a tag of an experiment",
    ),
)
