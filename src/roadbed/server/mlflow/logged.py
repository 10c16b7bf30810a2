"""The protocol's logged models (MLflow 3): they are as the runs that keep them."""

from typing import Any

from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.registry.clients import logged, logged_search
from roadbed.registry.clients.logged import READY, STATUSES, Claim, Whole
from roadbed.registry.clients.logged_search import OrderBy, Search
from roadbed.registry.clients.search import ROOT
from roadbed.registry.tracking import experiments
from roadbed.server.mlflow import checks, shapes
from roadbed.server.mlflow.experiments import known
from roadbed.server.mlflow.locate import run_called
from roadbed.server.mlflow.route import Asked, route
from roadbed.server.mlflow.seek import logged_named
from roadbed.server.mlflow.shown import measured


def create(ask: Asked) -> dict[str, Any]:
    """Record a model that is about to be logged."""
    known(ask)
    fields = ask.fields
    claim = Claim(
        experiment_id=fields.text("experiment_id", 100) or "0",
        name=_name(fields.text("name", 500)),
        type=fields.text("model_type", 500),
        source_run_id=fields.text("source_run_id", 256),
        params=checks.params([checks.param(p) for p in fields.items("params", 1_000)]),
        tags=dict(checks.tag(t) for t in fields.items("tags", 1_000)),
        client=ask.client,
    )
    if claim.source_run_id:
        with ask.services.database.read() as connection:
            sought = run_called(connection, claim.source_run_id)
        ask.must_see(sought, "run.write")
    with ask.services.database.write() as connection:
        experiments.get_active(connection, ask.tenant, claim.experiment_id)
        made = logged.create(connection, ask.services.runs, ask.who, claim)
        return {"model": _shown(logged.whole(connection, [made])[0])}


def get(ask: Asked) -> dict[str, Any]:
    """Show a logged model."""
    with ask.services.database.read() as connection:
        found = logged.get(connection, ask.params["model_id"])
        return {"model": _shown(logged.whole(connection, [found])[0])}


def finalize(ask: Asked) -> dict[str, Any]:
    """Take over how the upload of a model ended."""
    # A status that comes as a number is counted from the unspecified one.
    names = ("LOGGED_MODEL_STATUS_UNSPECIFIED", *STATUSES)
    status = ask.fields.choice("status", names, READY, first=0)
    with ask.services.database.write() as connection:
        id, runs = ask.params["model_id"], ask.services.runs
        found = logged.finalize(connection, runs, ask.who, id, status)
        return {"model": _shown(logged.whole(connection, [found])[0])}


def delete(ask: Asked) -> dict[str, Any]:
    """Put a logged model away, unless a version rests on it."""
    with ask.services.database.write() as connection:
        logged.delete(connection, ask.who, ask.params["model_id"])
    return {}


def search(ask: Asked) -> dict[str, Any]:
    """Find logged models: by what is said of them and what was measured on them."""
    fields = ask.fields
    wanted = Search(
        experiment_ids=fields.texts("experiment_ids", 10_000),
        filter=fields.text("filter"),
        datasets=tuple(
            (d.required("dataset_name", 500), d.text("dataset_digest", 36))
            for d in fields.items("datasets", 100)
        ),
        order_by=tuple(
            OrderBy(
                field=o.required("field_name", 500),
                ascending=o.flag("ascending", default=True),
                dataset=(o.text("dataset_name", 500), o.text("dataset_digest", 36)),
            )
            for o in fields.items("order_by", 16)
        ),
        limit=fields.integer("max_results", 100, 1, 1_000),
        token=fields.text("page_token", 100_000),
    )
    with ask.services.database.read() as connection:
        found, token = logged_search.search(connection, ask.tenant, wanted)
        if not ask.sees_all("run.read", "Run"):
            found = ask.viewer.only("run.read", found, _target)
        shown = [_shown(each) for each in logged.whole(connection, found)]
    return {"models": shown, **({"next_page_token": token} if token else {})}


def set_tags(ask: Asked) -> dict[str, Any]:
    """Set tags of a logged model."""
    tags = dict(checks.tag(t) for t in ask.fields.items("tags", 1_000))
    with ask.services.database.write() as connection:
        found = logged.get(connection, ask.params["model_id"])
        logged.set_tags(connection, found, tags)
        return {"model": _shown(logged.whole(connection, [found])[0])}


def delete_tag(ask: Asked) -> dict[str, Any]:
    """Remove a tag of a logged model."""
    with ask.services.database.write() as connection:
        found = logged.get(connection, ask.params["model_id"])
        logged.delete_tag(connection, found, ask.params["tag_key"])
    return {}


def set_params(ask: Asked) -> dict[str, Any]:
    """Add parameters of a logged model; one that is there stays."""
    given = [checks.param(p) for p in ask.fields.items("params", 1_000)]
    with ask.services.database.write() as connection:
        found = logged.get(connection, ask.params["model_id"])
        logged.set_params(connection, found, checks.params(given))
    return {}


def list_files(ask: Asked) -> dict[str, Any]:
    """List what stands directly below a folder of a logged model."""
    with ask.services.database.read() as connection:
        found = logged.get(connection, ask.params["model_id"])
    below = ask.fields.text("artifact_directory_path", 1_000).strip("/")
    prefix = f"{found.folder}/"
    kept = ask.artifacts.list(found.run_id, found.folder)
    paths = [(a.path.removeprefix(prefix), a.bytes) for a in kept]
    return {"root_uri": _root(found), "files": shapes.files(paths, below, whole=True)}


def _shown(whole: Whole) -> dict[str, Any]:
    found = whole.model
    registered = [{"name": name, "version": str(n)} for name, n in whole.versions]
    return {
        "info": {
            "model_id": found.id,
            "experiment_id": found.experiment_id,
            "name": found.name,
            "creation_timestamp_ms": found.created_ms,
            "last_updated_timestamp_ms": found.updated_ms,
            "artifact_uri": _root(found),
            "status": found.status,
            "model_type": found.type,
            "source_run_id": found.source_run_id,
            "tags": shapes.pairs(whole.tags),
            "registrations": registered,
        },
        "data": {
            "params": shapes.pairs(whole.params),
            "metrics": [measured(each) for each in whole.metrics],
        },
    }


def _root(found: logged.Logged) -> str:
    return f"{ROOT}{found.experiment_id}/models/{found.id}/artifacts"


def _target(found: logged.Logged) -> Target:
    return Target(kind="Run", name=found.run_id, attributes={"tenant": found.tenant})


def _name(name: str) -> str:
    odd = sorted(set(name) & set("/:.%\"'"))
    if odd:
        raise Invalid(
            f"Invalid model name ({name[:80]!r}) provided. Model name must not contain "
            f"{' '.join(odd)}"
        )
    return name


_READ, _WRITE = "run.read", "run.write"
_ON = {"locate": logged_named}
_AT = "logged-models"
_ONE = f"{_AT}/{{model_id}}"
ROUTES = (
    route("POST", _AT, _WRITE, create, "Record a model that is about to be logged"),
    route("POST", f"{_AT}/search", _READ, search, "Find logged models", lists=True),
    route("GET", _ONE, _READ, get, "Show a logged model", **_ON),
    route("PATCH", _ONE, _WRITE, finalize, "Say how its upload ended", **_ON),
    route("DELETE", _ONE, _WRITE, delete, "Put a logged model away", **_ON),
    route("PATCH", f"{_ONE}/tags", _WRITE, set_tags, "Tag a logged model", **_ON),
    route(
        "DELETE",
        f"{_ONE}/tags/{{tag_key}}",
        _WRITE,
        delete_tag,
        "Remove a tag of a logged model",
        **_ON,
    ),
    route("POST", f"{_ONE}/params", _WRITE, set_params, "Add to its parameters", **_ON),
    route(
        "GET",
        f"{_ONE}/artifacts/directories",
        _READ,
        list_files,
        "List files of a logged model",
        **_ON,
    ),
)
