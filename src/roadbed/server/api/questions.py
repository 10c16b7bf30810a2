"""What people ask of the chain of custody: what changed, where from, who serves it."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.access.visible import own
from roadbed.control import seen
from roadbed.control.questions.changes import Changes
from roadbed.control.questions.lineage import Lineage, Use, lineage_of, uses_of
from roadbed.control.questions.runs import WholeRun, whole
from roadbed.control.questions.standing import Status, status_of
from roadbed.control.targets import find_dataset, find_run, find_version
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.data.marks import Mark, Said, mark
from roadbed.evals.reports.store import Report
from roadbed.registry.tracking import points
from roadbed.registry.tracking.artifacts import Artifact, Artifacts
from roadbed.registry.tracking.points import Point
from roadbed.server.api.datasets import dataset_named
from roadbed.server.api.registry import run_named, version_named, version_ref
from roadbed.server.routes import Ask, Raw, Route


class Uses(BaseModel):
    """The model versions that rest on a dataset version, those served first."""

    uses: list[Use]


class Points(BaseModel):
    """What a run logged, in the order of metrics, steps and arrival."""

    points: list[Point]


class MetricFilter(BaseModel):
    """Which metric is wanted; without one, all are."""

    model_config = ConfigDict(extra="forbid")

    key: str | None = None


class ArtifactFilter(BaseModel):
    """Which file of a run is wanted."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(default="", max_length=500)


class ArtifactList(BaseModel):
    """The files of a run, in the order of their paths."""

    artifacts: list[Artifact]


class Judgement(BaseModel):
    """What to say of a dataset version, and why."""

    model_config = ConfigDict(extra="forbid")

    bad: bool = True
    reason: str = Field(default="", max_length=2000)


def version_changes(ask: Ask) -> Changes:
    """Say what changed between two versions of models."""
    left = version_ref(ask, "model")
    right = parse(ask.params["other"])
    with ask.services.database.read() as connection:
        _also(ask, "version.read", find_version(connection, str(right)), str(right))
    with ask.services.heavy.turn():
        return _comparer(ask).of_versions(left, right)


def run_changes(ask: Ask) -> Changes:
    """Say what changed between two runs."""
    other = ask.params["other"]
    with ask.services.database.read() as connection:
        _also(ask, "run.read", find_run(connection, other), other)
    with ask.services.heavy.turn():
        return _comparer(ask).of_runs(ask.params["run"], other)


def version_lineage(ask: Ask) -> Lineage:
    """Say where a version comes from."""
    with ask.services.database.read() as connection:
        found = lineage_of(connection, version_ref(ask, "model"))
        return seen.lineage(ask.viewer, connection, found)


def version_status(ask: Ask) -> Status:
    """Say whether a version is in service, since when, and by whom."""
    with ask.services.database.read() as connection:
        found = status_of(connection, version_ref(ask, "model"))
        return seen.status(ask.viewer, connection, found)


def dataset_uses(ask: Ask) -> Uses:
    """List what rests on a dataset version, as far as the caller may see it."""
    ref = _existing(ask)
    with ask.services.database.read() as connection:
        found = seen.uses(ask.viewer, connection, uses_of(connection, ref))
    return Uses(uses=found)


def judge(ask: Ask) -> Mark:
    """Say that a dataset version is bad, or good after all."""
    wanted: Judgement = ask.body
    said = Said(bad=wanted.bad, reason=wanted.reason, actor=ask.actor)
    with ask.services.database.write() as connection:
        ref = version_ref(ask, "dataset")
        return mark(connection, ref, said, ask.services.now_us())


def whole_run(ask: Ask) -> WholeRun:
    """Show one run with how it stands, its recipe, its tags and what it made."""
    services = ask.services
    return whole(services.database, ask.params["run"], services.now_us())


def run_metrics(ask: Ask) -> Points:
    """Show what a run logged over its steps."""
    wanted: MetricFilter = ask.query
    run = ask.params["run"]
    with ask.services.database.read() as connection:
        keys = [wanted.key] if wanted.key else [*points.latest(connection, [run])[run]]
        found = [p for key in keys for p in points.history(connection, run, key)]
    return Points(points=found)


def run_artifacts(ask: Ask) -> ArtifactList:
    """List the files of a run."""
    return ArtifactList(artifacts=_artifacts(ask).list(ask.params["run"]))


def run_artifact(ask: Ask) -> Raw:
    """Return the bytes of a file of a run, checked before one is given out."""
    wanted: ArtifactFilter = ask.query
    _, pieces = _artifacts(ask).get(ask.params["run"], wanted.path)
    last = wanted.path.rpartition("/")[2]
    name = "".join(c for c in last if c.isascii() and (c.isalnum() or c in ".-_"))
    return Raw(
        content_type="application/octet-stream",
        body=b"".join(pieces),
        filename=name or "artifact",
    )


def _artifacts(ask: Ask) -> Artifacts:
    services = ask.services
    return Artifacts(services.database, services.desk.blobs, services.clock)


def _comparer(ask: Ask) -> Any:
    def may(dataset: str) -> bool:
        with ask.services.database.read() as connection:
            found = own(ask.principal, find_dataset(connection, dataset))
        return found is not None and ask.viewer.may("dataset.read", found)

    def may_report(report: Report) -> bool:
        return seen.may_see_report(ask.viewer, report)

    return replace(ask.services.comparer(may), may_report=may_report)


def _also(ask: Ask, action: str, found: Target | None, name: str) -> None:
    """Go on if the caller may do *action* to one more thing that they named."""
    mine = own(ask.principal, found)
    if mine is None:
        raise NotFound(f"there is no {name[:80]!r}")
    ask.require(action, mine)


def _existing(ask: Ask) -> VersionRef:
    ref = version_ref(ask, "dataset")
    ask.services.datasets.get(ref)
    return ref


def _route(path: str, action: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        method=more.pop("method", "GET"),
        path=path,
        action=action,
        handler=handler,
        summary=summary,
        tag="registry",
        **more,
    )


_VERSION = {"target": "model", "locate": version_named}
_RUN = {"target": "run", "locate": run_named}
_DATA = {"target": "dataset", "locate": dataset_named}
_MODELS = "/api/v1/models/{model}/versions/{number}"
_DATASETS = "/api/v1/datasets/{dataset}/versions/{number}"
_RUNS = "/api/v1/runs/{run}"
ROUTES = (
    _route(
        f"{_MODELS}/diff/{{other}}",
        "version.read",
        version_changes,
        "Say what changed between two model versions, the likeliest cause first",
        answer=Changes,
        **_VERSION,
    ),
    _route(
        f"{_MODELS}/lineage",
        "version.read",
        version_lineage,
        "Say where a model version comes from",
        answer=Lineage,
        **_VERSION,
    ),
    _route(
        f"{_MODELS}/status",
        "version.read",
        version_status,
        "Say whether a model version is in service, since when, and by whom",
        answer=Status,
        **_VERSION,
    ),
    _route(
        f"{_DATASETS}/uses",
        "dataset.read",
        dataset_uses,
        "List the model versions that rest on a dataset version",
        answer=Uses,
        **_DATA,
    ),
    _route(
        f"{_DATASETS}/marks",
        "dataset.write",
        judge,
        "Say that a dataset version is bad, or good after all",
        answer=Mark,
        method="POST",
        body=Judgement,
        **_DATA,
    ),
    _route(
        f"{_RUNS}/whole",
        "run.read",
        whole_run,
        "Show one run with how it stands, its recipe, tags and what it made",
        answer=WholeRun,
        **_RUN,
    ),
    _route(
        f"{_RUNS}/metrics",
        "run.read",
        run_metrics,
        "Show what a run logged over its steps",
        answer=Points,
        query=MetricFilter,
        **_RUN,
    ),
    _route(
        f"{_RUNS}/artifacts",
        "run.read",
        run_artifacts,
        "List the files of a run",
        answer=ArtifactList,
        **_RUN,
    ),
    _route(
        f"{_RUNS}/artifacts/content",
        "run.read",
        run_artifact,
        "Download a file of a run",
        answer=Raw,
        query=ArtifactFilter,
        **_RUN,
    ),
    _route(
        f"{_RUNS}/diff/{{other}}",
        "run.read",
        run_changes,
        "Say what changed between two runs, the likeliest cause first",
        answer=Changes,
        **_RUN,
    ),
)
