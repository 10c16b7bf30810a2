"""Datasets and their versions, as one viewer may see them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from roadbed.console.custody.asked import (
    CheckFound,
    DatasetDiffPage,
    DatasetLine,
    DatasetPage,
    DatasetRow,
    DatasetVersionPage,
)
from roadbed.console.custody.filters import DiffFilter
from roadbed.console.custody.rooms import Eyes
from roadbed.control import seen
from roadbed.control.questions.lineage import affected, uses_of
from roadbed.core.errors import Corrupt, Invalid, NotFound, Overloaded, RoadbedError
from roadbed.core.reference import VersionRef
from roadbed.data import lineage, marks
from roadbed.data.checks import rules_of
from roadbed.data.diff import DatasetDiff, diff
from roadbed.data.kinds import Dataset
from roadbed.data.version import DatasetVersion
from roadbed.registry.runs import get_run

SHOWN = 50
LISTED = 100
"""As many versions as rest on one are listed, those that are served first."""
_COUNTED = 50
_RUNS = 50


def datasets(eyes: Eyes) -> tuple[DatasetRow, ...]:
    """Return the datasets that the viewer may see, by name."""
    with eyes.rooms.database.read() as connection:
        found = seen.datasets(eyes.viewer, connection)
        bad = marks.bad(connection)
    return tuple(
        DatasetRow(
            name=known.name,
            declared=known.spec,
            newest=_newest(eyes, known.name) if known.newest else None,
            bad=bad.get(VersionRef(known.name, known.newest or 1)),
        )
        for known in found
    )


def dataset(eyes: Eyes, name: str) -> DatasetPage:
    """Return one dataset."""
    found = eyes.rooms.datasets.list(name)
    with eyes.rooms.database.read() as connection:
        declared = seen.dataset(connection, name)
        bad = marks.bad(connection, [name])
        sight = seen.Sight(eyes.viewer, connection)
        lines = tuple(_line(sight, connection, v, bad) for v in found[:SHOWN])
    return DatasetPage(
        name=name,
        declared=declared,
        checks=_checks(declared),
        versions=lines,
        more=max(0, len(found) - SHOWN),
    )


def _line(
    sight: seen.Sight,
    connection: sa.Connection,
    found: DatasetVersion,
    bad: Mapping[VersionRef, marks.Mark],
) -> DatasetLine:
    ref = VersionRef(found.name, found.number)
    uses = uses_of(connection, ref)
    return DatasetLine(
        version=found,
        bad=bad.get(ref),
        used=len(seen.uses_in(sight, uses[:_COUNTED])),
        and_more=len(uses) > _COUNTED,
    )


def dataset_version(eyes: Eyes, ref: VersionRef) -> DatasetVersionPage:
    """Return one version of a dataset, with what rests on it."""
    found = eyes.rooms.datasets.get(ref)
    with eyes.rooms.database.read() as connection:
        sight, all_of_them = (
            seen.Sight(eyes.viewer, connection),
            uses_of(connection, ref),
        )
        again = [each.version for each in affected(all_of_them)]
        return DatasetVersionPage(
            version=found,
            marks=tuple(marks.history(connection, ref)),
            checks=_report(eyes, found),
            uses=tuple(seen.uses_in(sight, all_of_them[:LISTED])),
            unlisted=len(all_of_them) > LISTED,
            again=tuple(v for v in again if sight.may_see("model", v)),
            runs=tuple(_readers(sight, connection, ref)),
            parents=tuple(p for p in found.parents if sight.may_see("dataset", p)),
            made_by=_maker(sight, connection, found),
            others=tuple(v.number for v in eyes.rooms.datasets.list(ref.name)),
        )


def dataset_diff(eyes: Eyes, name: str, wanted: DiffFilter) -> DatasetDiffPage:
    """Return what changed between two versions of a dataset, if it can be shown.

    The same two digests are compared once. What is too large, damaged or has no such
    key is said on the page, beside what else there is to choose.
    """
    numbers = tuple(v.number for v in eyes.rooms.datasets.list(name))
    right = wanted.right or next(iter(numbers), 0)
    left = wanted.left or next((n for n in numbers if n < right), 0)
    chosen = DiffFilter(left=left, right=right, key=wanted.key)
    found, problem = None, ""
    if left and right:
        sides = [eyes.rooms.datasets.get(VersionRef(name, n)) for n in (left, right)]
        found, problem = _diff(eyes, sides, chosen.key)
    return DatasetDiffPage(
        name=name, numbers=numbers, wanted=chosen, diff=found, problem=problem
    )


def _diff(
    eyes: Eyes, sides: Sequence[DatasetVersion], key: str
) -> tuple[DatasetDiff | None, str]:
    left, right = sides
    cells = left.rows * left.columns + right.rows * right.columns
    if cells > eyes.rooms.most_cells and left.digest != right.digest:
        return None, (
            f"{cells:,} values are too many to compare while a page waits; the command "
            "below has no such limit"
        )
    columns = tuple(name.strip() for name in key.split(",") if name.strip())
    asked = (str(left), str(right), left.digest, right.digest, columns or right.key)
    try:
        return eyes.rooms.gate.once(
            asked, lambda: diff(eyes.rooms.datasets, left, right, columns)
        ), ""
    except (Invalid, Corrupt, Overloaded) as error:
        hint = f"; {error.hint}" if error.hint else ""
        return None, error.message + hint


def _newest(eyes: Eyes, name: str) -> DatasetVersion | None:
    try:
        return eyes.rooms.datasets.newest(name)
    except RoadbedError:  # Its manifest was edited: the page of the version says so.
        return None


def _checks(declared: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in words what is declared to hold of each new version."""
    if not declared.get("checks"):
        return ()
    spec = Dataset.model_validate(dict(declared))
    return tuple(rule.told for rule in rules_of(spec.checks, datetime.now(UTC)))


def _report(eyes: Eyes, found: DatasetVersion) -> tuple[CheckFound, ...]:
    """Return what its checks found when it was made; nothing if there were none."""
    if not found.report:
        return ()
    try:
        kept = json.loads(b"".join(eyes.rooms.blobs.get(found.report)))
    except (NotFound, Corrupt, ValueError) as error:
        told = f"the report of its checks cannot be read: {error}"
        return (CheckFound(check=told, columns=(), failing=1),)
    return tuple(
        CheckFound(
            check=str(each["check"]),
            columns=tuple(each["columns"]),
            failing=int(each["failing"]),
        )
        for each in kept["checks"]
    )


def _readers(
    sight: seen.Sight, connection: sa.Connection, ref: VersionRef
) -> Iterator[tuple[str, str]]:
    """Yield the runs that read it, newest first: the id, and what they read it for."""
    edges = lineage.uses(connection, lineage.dataset(ref))
    found = [
        (edge.src.removeprefix("run:"), edge.role)
        for edge in edges
        if edge.kind == lineage.READ
    ]
    for run_id, role in sorted(found, reverse=True)[:_RUNS]:
        if sight.may_see("run", run_id):
            yield run_id, role


def _maker(sight: seen.Sight, connection: sa.Connection, found: DatasetVersion) -> str:
    if not found.run_id or not sight.may_see("run", found.run_id):
        return ""
    return get_run(connection, found.run_id).id
