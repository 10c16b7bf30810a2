"""The protocol's runs: each is a run of the registry, with what its client claims."""

from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import own
from roadbed.control.targets import find_dataset
from roadbed.core.decision import Target
from roadbed.registry.clients import inputs, tracked
from roadbed.registry.clients.search import Found, Search
from roadbed.registry.clients.search import search as find_runs
from roadbed.registry.clients.tracked import STATUSES, Claim, Read, Tracked
from roadbed.registry.tracking import experiments
from roadbed.registry.tracking.native import VERSION_TAG
from roadbed.server.mlflow import checks, shapes
from roadbed.server.mlflow.experiments import VIEWS, known
from roadbed.server.mlflow.fields import Fields
from roadbed.server.mlflow.locate import run_id_of, run_named
from roadbed.server.mlflow.route import Asked, route

MOST = 50_000


def create(ask: Asked) -> dict[str, Any]:
    """Start a run. It is in the audit log from now on, whatever becomes of it."""
    known(ask)
    tags = checks.copied(ask.fields.items("tags", 1_000), checks.MAX_TAG)
    claim = Claim(
        experiment_id=ask.fields.text("experiment_id", 100) or "0",
        name=ask.fields.text("run_name", checks.MAX_TAG),
        user=ask.fields.text("user_id", 256, cut=True),
        start_ms=ask.fields.integer("start_time", 0, 0),
        tags=tags,
        client=ask.client,
    )
    with ask.services.database.write() as connection:
        experiments.get_active(connection, ask.tenant, claim.experiment_id)
        made = tracked.begin(connection, ask.services.runs, ask.who, claim)
        found = tracked.whole(connection, [made])[0]
    return {"run": shapes.run(found)}


def get(ask: Asked) -> dict[str, Any]:
    """Show a run with all that it logged."""
    with ask.services.database.read() as connection:
        found = tracked.get(connection, run_id_of(ask))
        return {"run": shapes.run(tracked.whole(connection, [found])[0])}


def update(ask: Asked) -> dict[str, Any]:
    """Take over status, end and name of a run."""
    fields = ask.fields
    said: dict[str, Any] = {}
    if "status" in fields:
        said["status"] = fields.choice("status", STATUSES)
    if "end_time" in fields:
        said["end_ms"] = fields.integer("end_time", 0, 0)
    if fields.text("run_name", checks.MAX_TAG):
        said["name"] = fields.text("run_name")
    with ask.services.database.write() as connection:
        run_id = run_id_of(ask)
        found = tracked.update(connection, ask.services.runs, ask.who, run_id, said)
    return {"run_info": shapes.info(found)}


def delete(ask: Asked) -> dict[str, Any]:
    """Put a run away; it can be restored, and its record stays."""
    with ask.services.database.write() as connection:
        tracked.move(connection, ask.who, run_id_of(ask), "deleted")
    return {}


def restore(ask: Asked) -> dict[str, Any]:
    """Bring a deleted run back."""
    with ask.services.database.write() as connection:
        tracked.move(connection, ask.who, run_id_of(ask), "active")
    return {}


def search(ask: Asked) -> dict[str, Any]:
    """Find runs by what they logged; in any order, a page at a time."""
    fields = ask.fields
    wanted = Search(
        experiment_ids=fields.texts("experiment_ids", 10_000),
        filter=fields.text("filter"),
        order_by=fields.texts("order_by", 100),
        view=fields.choice("run_view_type", VIEWS, VIEWS[0]),
        limit=fields.integer("max_results", 1_000, 1, MOST),
        token=fields.text("page_token", 100_000),
    )
    if not wanted.experiment_ids:
        return {"runs": []}
    with ask.services.database.read() as connection:
        found = _visible(ask, wanted, lambda w: find_runs(connection, ask.tenant, w))
        shown = [shapes.run(w) for w in tracked.whole(connection, found.runs)]
    more = {"next_page_token": found.token} if found.token else {}
    return {"runs": shown, **more}


def _visible(ask: Asked, wanted: Search, fetch: Any) -> Found:
    """Return a page of the runs that the caller may see, looking on as needed."""
    found: Found = fetch(wanted)
    if ask.sees_all("run.read", "Run"):
        return found
    viewer, kept, after = ask.viewer, [], []
    while True:
        for run, token in zip(found.runs, found.after, strict=True):
            if viewer.may("run.read", target_of(run)):
                kept.append(run)
                after.append(token)
        if len(kept) > wanted.limit:
            return Found(kept[: wanted.limit], after, after[wanted.limit - 1])
        if not found.token:
            return Found(kept, after, "")
        page = {n: getattr(wanted, n) for n in Search.__dataclass_fields__}
        found = fetch(Search(**{**page, "token": found.token}))


def target_of(run: Tracked) -> Target:
    """Return a run as policies read it."""
    return Target(kind="Run", name=run.run_id, attributes={"tenant": run.tenant})


def log_inputs(ask: Asked) -> dict[str, Any]:
    """Keep what data and which models a client says that it read."""
    said = [_said(each) for each in ask.fields.items("datasets", 1_000)]
    models = {m.required("model_id", 100): 0 for m in ask.fields.items("models")}
    with ask.services.database.read() as connection:
        read = [_recognised(ask, connection, each) for each in said]
    with ask.services.database.write() as connection:
        tracked.add_inputs(connection, run_id_of(ask), read, ask.services.now_us())
        tracked.add_models(connection, run_id_of(ask), "input", models)
    return {}


def _said(each: Fields) -> dict[str, Any]:
    data = each.item("dataset")
    tags = {t.text("key", 255): t.text("value", 500) for t in each.items("tags")}
    return {
        "name": data.required("name", 500),
        "digest": data.required("digest", 36),
        "source_type": data.text("source_type", 36),
        "source": data.text("source", 65_535),
        "schema": data.text("schema", 1_048_575),
        "profile": data.text("profile", 16_777_215),
        "context": tags.get("mlflow.data.context", ""),
        "tags": {n: value for n, value in tags.items() if not checks.is_ours(n)},
    }


def _recognised(ask: Asked, connection: sa.Connection, said: dict[str, Any]) -> Read:
    """Return data as it was said, and the version of ours that it is, if one is."""

    def may(name: str) -> bool:
        found = own(ask.principal, find_dataset(connection, name))
        return found is not None and ask.viewer.may("dataset.read", found)

    version = inputs.recognised(connection, said, may)
    if version is None:
        return Read(said=said)
    tags = {**said["tags"], VERSION_TAG: str(version)}
    return Read(said={**said, "tags": tags}, version=version)


def log_outputs(ask: Asked) -> dict[str, Any]:
    """Keep which models a run wrote."""
    models = {
        m.required("model_id", 100): m.integer("step")
        for m in ask.fields.items("models", 1_000)
    }
    with ask.services.database.write() as connection:
        tracked.add_models(connection, run_id_of(ask), "output", models)
    return {}


def log_model(ask: Asked) -> dict[str, Any]:
    """Keep what clients before version 3 say of a model: a tag of the run."""
    name = "mlflow.log-model.history"
    said = checks.model_json(ask.fields.required("model_json"))
    run_id = run_id_of(ask)
    with ask.services.database.write() as connection:
        found = tracked.whole(connection, [tracked.get_active(connection, run_id)])[0]
        history = checks.added(found.tags.get(name, ""), said)
        tracked.log(connection, run_id, tracked.Batch(tags={name: history}))
    return {}


_READ, _WRITE = "run.read", "run.write"
_ON = {"locate": run_named}
ROUTES = (
    route("POST", "runs/create", _WRITE, create, "Start a run"),
    route("GET", "runs/get", _READ, get, "Show a run", **_ON),
    route("POST", "runs/update", _WRITE, update, "End a run, or rename it", **_ON),
    route("POST", "runs/delete", _WRITE, delete, "Put a run away", **_ON),
    route("POST", "runs/restore", _WRITE, restore, "Bring a run back", **_ON),
    route("POST", "runs/search", _READ, search, "Find runs", lists=True),
    route("POST", "runs/log-inputs", _WRITE, log_inputs, "Say what was read", **_ON),
    route("POST", "runs/outputs", _WRITE, log_outputs, "Say what was made", **_ON),
    route("POST", "runs/log-model", _WRITE, log_model, "Tell of a model", **_ON),
)
