"""Datasets and their versions: what they are, where from, and what changed.

A version is made by the command line or in Python, where the data is; there is no
route for it.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control import seen
from roadbed.control.targets import find_dataset
from roadbed.core.decision import Target
from roadbed.core.errors import Corrupt
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import DatasetVersion
from roadbed.data.diff import DatasetDiff, diff
from roadbed.data.manifest import Object
from roadbed.ports.tables import Column
from roadbed.server.api.registry import version_ref
from roadbed.server.routes import Ask, Route


class DatasetKnown(BaseModel):
    """A dataset as the stack declares it, and the number of its newest version."""

    name: str
    newest: int | None = None
    owner: str = ""
    licence: str = ""
    classification: str = ""
    region: str | None = None
    purposes: list[str] = Field(default_factory=list)


class DatasetList(BaseModel):
    """Datasets, by name."""

    datasets: list[DatasetKnown]


class DatasetShown(BaseModel):
    """One immutable version of a dataset, named by the digest of its manifest.

    `content` is `table`, or `files` for a tree, of which the rows are the paths,
    digests and sizes. `made_from`, `parents`, `run` and `report` say where it came
    from; `report` is the digest of what its checks found.
    """

    name: str
    number: int
    digest: str
    content: str
    rows: int
    columns: list[Column]
    objects: list[Object]
    created_us: int
    actor: str
    key: list[str] = Field(default_factory=list)
    made_from: dict[str, Any] = Field(default_factory=dict)
    parents: list[str] = Field(default_factory=list)
    run: str | None = None
    report: str | None = None


class DatasetVersions(BaseModel):
    """All versions of a dataset, newest first."""

    versions: list[DatasetShown]


class DatasetVerified(BaseModel):
    """Whether every byte of a version is what it was, and what is not."""

    version: str
    digest: str
    verified: bool
    problem: str | None = None


class DiffQuery(BaseModel):
    """With which version of the same dataset to compare, and by which columns."""

    model_config = ConfigDict(extra="forbid")

    against: int = Field(ge=1, le=999_999_999, description="The other, older number.")
    key: str = Field(
        default="",
        max_length=500,
        description="Columns that tell one row from another, with commas between.",
    )


def dataset_named(ask: Ask) -> Target | None:
    """Find a dataset."""
    with ask.services.database.read() as connection:
        return find_dataset(connection, ask.params["dataset"])


def datasets(ask: Ask) -> DatasetList:
    """List the datasets that the caller may see."""
    with ask.services.database.read() as connection:
        found = seen.datasets(ask.viewer, connection)
    return DatasetList(
        datasets=[
            DatasetKnown(
                name=known.name,
                newest=known.newest or None,
                **{
                    name: known.spec[name]
                    for name in DatasetKnown.model_fields
                    if known.spec.get(name)
                },
            )
            for known in found
        ]
    )


def dataset_versions(ask: Ask) -> DatasetVersions:
    """List the versions of a dataset."""
    found = ask.services.datasets.list(ask.params["dataset"])
    return DatasetVersions(versions=[_shown(v) for v in found])


def dataset_version(ask: Ask) -> DatasetShown:
    """Show one version of a dataset."""
    return _shown(ask.services.datasets.get(version_ref(ask, "dataset")))


def dataset_diff(ask: Ask) -> DatasetDiff:
    """Compare a version with another one of the same dataset."""
    wanted: DiffQuery = ask.query
    right = version_ref(ask, "dataset")
    left = VersionRef(right.name, wanted.against)
    held = ask.services.datasets
    key = [name for name in wanted.key.split(",") if name]
    with ask.services.heavy.turn():
        return diff(held, held.get(left), held.get(right), key)


def dataset_verify(ask: Ask) -> DatasetVerified:
    """Read every byte of a version again."""
    version = ask.services.datasets.get(version_ref(ask, "dataset"))
    problem = None
    try:
        with ask.services.heavy.turn():
            ask.services.datasets.verify(VersionRef(version.name, version.number))
    except Corrupt as error:
        problem = error.message
    return DatasetVerified(
        version=str(version),
        digest=version.digest,
        verified=problem is None,
        problem=problem,
    )


def _shown(version: DatasetVersion) -> DatasetShown:
    return DatasetShown(
        name=version.name,
        number=version.number,
        digest=version.digest,
        content="files" if version.tree else "table",
        rows=version.rows,
        columns=list(version.schema),
        objects=list(version.objects),
        created_us=version.created_us,
        actor=version.actor,
        key=list(version.key),
        made_from=dict(version.source),
        parents=list(version.parents),
        run=version.run_id or None,
        report=version.report or None,
    )


def _get(path: str, handler: Any, summary: str, answer: Any, **more: Any) -> Route:
    found = {"target": "dataset", "locate": dataset_named}
    return Route(
        method="GET",
        path=path,
        action="dataset.read",
        handler=handler,
        summary=summary,
        tag="registry",
        answer=answer,
        **(more if "lists" in more else {**found, **more}),
    )


_ALL = "/api/v1/datasets"
_VERSIONS = f"{_ALL}/{{dataset}}/versions"
_VERSION = f"{_VERSIONS}/{{number}}"
ROUTES = (
    _get(_ALL, datasets, "List datasets", DatasetList, lists="datasets"),
    _get(
        _VERSIONS, dataset_versions, "List the versions of a dataset", DatasetVersions
    ),
    _get(_VERSION, dataset_version, "Show one version of a dataset", DatasetShown),
    _get(
        f"{_VERSION}/diff",
        dataset_diff,
        "Compare a version with an older one",
        DatasetDiff,
        query=DiffQuery,
    ),
    _get(
        f"{_VERSION}/verify",
        dataset_verify,
        "Read every byte of a version again",
        DatasetVerified,
    ),
)
