"""Model versions and runs: what answers are made of."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control import seen
from roadbed.control.targets import find_model, find_run, find_version
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import NAME, VersionRef
from roadbed.registry.runs import Run
from roadbed.registry.versions import Registered, get_version
from roadbed.server.routes import Ask, Route


class ModelVersions(BaseModel):
    """All versions of a model, newest first."""

    versions: list[Registered]


class RunFilter(BaseModel):
    """Which runs are wanted."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    limit: int = Field(default=100, ge=1, le=1000)


class RunList(BaseModel):
    """Runs, newest first."""

    runs: list[Run]


def model_named(ask: Ask) -> Target | None:
    """Find a model."""
    with ask.services.database.read() as connection:
        return find_model(connection, ask.params["model"])


def version_named(ask: Ask) -> Target | None:
    """Find a version of a model, with the lists of who may do what to it."""
    name, number = ask.params["model"], ask.params["number"]
    with ask.services.database.read() as connection:
        return find_version(connection, f"{name}@{number}")


def run_named(ask: Ask) -> Target | None:
    """Find a run."""
    with ask.services.database.read() as connection:
        return find_run(connection, ask.params["run"])


def model_versions(ask: Ask) -> ModelVersions:
    """List the versions of a model that the caller may see."""
    with ask.services.database.read() as connection:
        found = seen.versions(ask.viewer, connection, ask.params["model"])
    return ModelVersions(versions=found)


def model_version(ask: Ask) -> Registered:
    """Show one version of a model."""
    with ask.services.database.read() as connection:
        return get_version(connection, version_ref(ask, "model"))


def runs(ask: Ask) -> RunList:
    """List runs."""
    wanted: RunFilter = ask.query
    runs = ask.services.runs
    return RunList(runs=seen.runs(ask.viewer, runs, wanted.name, wanted.limit))


def run(ask: Ask) -> Run:
    """Show one run."""
    return ask.services.runs.get(ask.params["run"])


def version_ref(ask: Ask, kind: str) -> VersionRef:
    """Return the version of a *kind* in the address; raise NotFound if it is none."""
    name, number = ask.params[kind], ask.params["number"]
    if not re.fullmatch(NAME, name) or not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise NotFound(f"there is no {kind} version {name[:80]}@{number[:20]}")
    return VersionRef(name, int(number))


def _get(path: str, action: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        action=action,
        handler=handler,
        summary=summary,
        tag="registry",
        **more,
    )


_MODEL = "/api/v1/models/{model}/versions"
ROUTES = (
    _get(
        _MODEL,
        "model.read",
        model_versions,
        "List the versions of a model",
        answer=ModelVersions,
        target="model",
        locate=model_named,
    ),
    _get(
        f"{_MODEL}/{{number}}",
        "version.read",
        model_version,
        "Show one version of a model",
        answer=Registered,
        target="model",
        locate=version_named,
    ),
    _get(
        "/api/v1/runs",
        "run.read",
        runs,
        "List runs, newest first",
        answer=RunList,
        lists="runs",
        query=RunFilter,
    ),
    _get(
        "/api/v1/runs/{run}",
        "run.read",
        run,
        "Show one run",
        answer=Run,
        target="run",
        locate=run_named,
    ),
)
