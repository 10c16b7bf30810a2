"""Datasets: the list, one dataset, one version, and what changed between two."""

from starlette.responses import Response

from roadbed.console.custody.bars import histogram
from roadbed.console.custody.filters import DiffFilter
from roadbed.console.visit import Visit
from roadbed.core.reference import parse
from roadbed.data.diff import ColumnDiff

EXAMPLE = """\
apiVersion: roadbed/v1
kind: Dataset
metadata:
  name: tumors
spec:
  owner: clinic
  licence: CC-BY-4.0
  classification: internal
  purposes: [research]
  source: https://example.com/where-it-is-from
"""
COLUMNS = 40
"""As many columns as a page draws, those that moved the most first."""
_SEEN = 0.0005
"""From this distance on it is not 0.000 on the page."""


def datasets(visit: Visit) -> Response:
    """Show all datasets."""
    rows = visit.data.custody.datasets()
    return visit.page("datasets.html", rows=rows, example=EXAMPLE)


def dataset(visit: Visit) -> Response:
    """Show one dataset and its versions."""
    view = visit.data.custody.dataset(visit.named("name"))
    return visit.page(
        "dataset.html",
        view=view,
        may_read_resources=visit.may("resource.read").allowed,
    )


def version(visit: Visit) -> Response:
    """Show one version: its schema, its files, and what rests on it."""
    ref = parse(f"{visit.named('name')}@{visit.named('number')}")
    view = visit.data.custody.dataset_version(ref)
    return visit.page("dataset-version.html", view=view)


def diff(visit: Visit) -> Response:
    """Show what changed between two versions, column by column."""
    query = visit.request.query_params
    wanted = DiffFilter.read(
        query.get("from", ""), query.get("to", ""), query.get("key", "")
    )
    view = visit.data.custody.dataset_diff(visit.named("name"), wanted)
    columns = view.diff.columns if view.diff else ()
    drawn = [(each, histogram(each)) for each in columns[:COLUMNS]]
    return visit.page(
        "dataset-diff.html",
        view=view,
        moved=[each for each in drawn if _moved(each[0])],
        still=[each for each in drawn if not _moved(each[0])],
        undrawn=max(0, len(columns) - COLUMNS),
    )


def _moved(column: ColumnDiff) -> bool:
    """Say whether a column is other than it was, as far as one would see it."""
    both = column.left is not None and column.right is not None
    return not both or bool(column.changed) or column.distance >= _SEEN
