"""What changed between two versions of data: columns, rows, and distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roadbed.data.datasets import Datasets
from roadbed.data.drift import psi
from roadbed.data.version import DatasetVersion
from roadbed.ports.tables import Bins, Changes, Column, Profile, Tables

_BARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Retyped:
    """A column of both sides whose type is another."""

    name: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDiff:
    """Columns that came, columns that went, and those of another type."""

    added: tuple[Column, ...] = ()
    removed: tuple[Column, ...] = ()
    retyped: tuple[Retyped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDiff:
    """How many rows came, went, changed and stayed.

    Without a key there is no `changed`: such a row is one that went and one that came.
    """

    added: int
    removed: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """One column on both sides; a side is None if the column is not there.

    `changed` counts rows of the same key with another value. `distance` is the PSI
    over `bins_left` and `bins_right`, with the missing values as one more bin:
    deciles of the left, or its most frequent values. `bars_left` and `bars_right`
    are histograms of 20 bars of equal width, for numbers and times.
    """

    name: str
    datatype: str
    changed: int = 0
    left: Profile | None = None
    right: Profile | None = None
    measure: str = "psi"
    distance: float = 0.0
    bins_left: Bins | None = None
    bins_right: Bins | None = None
    bars_left: Bins | None = None
    bars_right: Bins | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDiff:
    """What is other in the version *right*, seen from *left*.

    `shared` are objects of both, which were not read for the rows. `columns` begins
    with the one that moved the most; it is empty if nothing changed.
    """

    left: str
    right: str
    key: tuple[str, ...]
    schema: SchemaDiff
    rows: RowDiff
    shared: int
    objects: int
    tree: bool = False
    columns: tuple[ColumnDiff, ...] = ()

    @property
    def equal(self) -> bool:
        """Say whether nothing changed."""
        rows = self.rows.added, self.rows.removed, self.rows.changed
        return not any(rows) and self.schema == SchemaDiff()

    def content(self) -> dict[str, Any]:
        """Return the whole diff as plain JSON."""
        return {**asdict(self), "equal": self.equal}


def diff(
    datasets: Datasets,
    left: DatasetVersion,
    right: DatasetVersion,
    key: Sequence[str] = (),
) -> DatasetDiff:
    """Return what changed from *left* to *right*, every byte checked before it is read.

    Rows are matched by *key*, else by the key that *right* was made with, else as
    wholes. Raises Invalid if the key is not unique, Corrupt if data is damaged.
    """
    chosen = tuple(key) or right.key
    names = [{item.digest for item in v.objects} for v in (left, right)]
    shared = names[0] & names[1]
    schema = schema_diff(left.schema, right.schema)
    if left.digest == right.digest:
        shared = names[0]
        changed, columns = Changes(), ()
    else:
        files = _files(datasets, left), _files(datasets, right)
        changed = _changes(datasets.tables, left, right, files, chosen)
        columns = _columns(datasets.tables, left, right, files, changed)
    return DatasetDiff(
        left=str(left),
        right=str(right),
        key=chosen,
        schema=schema,
        rows=_rows(left.rows, changed),
        shared=len(shared),
        objects=len(right.objects),
        tree=right.tree,
        columns=columns,
    )


def schema_diff(left: Sequence[Column], right: Sequence[Column]) -> SchemaDiff:
    """Return which columns came, went, or have another type."""
    before, after = {c.name: c for c in left}, {c.name: c for c in right}
    return SchemaDiff(
        added=tuple(c for c in right if c.name not in before),
        removed=tuple(c for c in left if c.name not in after),
        retyped=tuple(
            Retyped(name=c.name, left=c.datatype, right=after[c.name].datatype)
            for c in left
            if c.name in after and after[c.name].datatype != c.datatype
        ),
    )


def _files(datasets: Datasets, version: DatasetVersion) -> list[tuple[str, Path]]:
    digests = [item.digest for item in version.objects]
    return list(zip(digests, datasets.paths(version), strict=True))


def _changes(
    tables: Tables,
    left: DatasetVersion,
    right: DatasetVersion,
    files: Sequence[list[tuple[str, Path]]],
    key: Sequence[str],
) -> Changes:
    """Compare the rows of objects that only one side has.

    An object is left out as often as both sides have it. Where a side has nothing
    left its first object is read on both: there must be columns to compare.
    """
    ours, theirs = list(files[0]), list(files[1])
    for item in files[0]:
        if item in theirs and len(ours) > 1 and len(theirs) > 1:
            ours.remove(item)
            theirs.remove(item)
    return tables.changes([p for _, p in ours], [p for _, p in theirs], key)


def _rows(before: int, changed: Changes) -> RowDiff:
    return RowDiff(
        added=changed.added,
        removed=changed.removed,
        changed=changed.changed,
        same=before - changed.removed - changed.changed,
    )


def _columns(
    tables: Tables,
    left: DatasetVersion,
    right: DatasetVersion,
    files: Sequence[list[tuple[str, Path]]],
    changed: Changes,
) -> tuple[ColumnDiff, ...]:
    paths = [[path for _, path in side] for side in files]
    types = {c.name: c.datatype for c in (*left.schema, *right.schema)}
    same = _untouched(left, right, changed)
    before = tables.profiles(paths[0])
    kept = {name: before[name] for name in same}
    profiles = [before, {**kept, **tables.profiles(paths[1], same)}]
    edges = {name: _edges(name, profiles) for name in types}
    wanted = [
        {n: e for n, e in edges.items() if n in known and e} for known in profiles
    ]
    counted = [tables.bins(paths[0], wanted[0])]
    fresh = {name: e for name, e in wanted[1].items() if name not in same}
    again = {n: bins for n, bins in counted[0].items() if n in same}
    counted.append({**again, **(tables.bins(paths[1], fresh) if fresh else {})})
    found = [_column(name, types[name], changed, profiles, counted) for name in types]
    return tuple(sorted(found, key=lambda c: -c.distance))


def _untouched(
    left: DatasetVersion, right: DatasetVersion, changed: Changes
) -> set[str]:
    """Return the columns in which nothing moved: they need not be measured twice.

    That is known only where no row came or went and each was found by its key.
    """
    if changed.added or changed.removed or left.rows != right.rows:
        return set()
    after = {c.name: c.datatype for c in right.schema}
    return {
        c.name
        for c in left.schema
        if after.get(c.name) == c.datatype and not changed.columns.get(c.name)
    }


def _edges(
    name: str, profiles: Sequence[Mapping[str, Profile]]
) -> list[tuple[Any, ...]]:
    """Return the edges of the bins and, of numbers, those of the bars."""
    known = [side[name] for side in profiles if name in side]
    if any(p.top for p in known):
        tops = (value for profile in known for value, _ in profile.top)
        return [tuple(dict.fromkeys(tops))]
    numbers = [p for p in known if p.least is not None and p.most is not None]
    if not numbers or any(p.top for p in known):
        return []
    deciles = tuple(sorted(set(numbers[0].quantiles[2:-2])))
    least = min(p.least for p in numbers if p.least is not None)
    most = max(p.most for p in numbers if p.most is not None)
    return [deciles, _bars(least, most)]


def _bars(least: float, most: float) -> tuple[float, ...]:
    width = most / _BARS - least / _BARS
    edges = (least + width * at for at in range(1, _BARS))
    return tuple(sorted(set(edges))) if width else (least,)


def _column(
    name: str,
    datatype: str,
    changed: Changes,
    profiles: Sequence[Mapping[str, Profile]],
    counted: Sequence[Mapping[str, list[Bins]]],
) -> ColumnDiff:
    left, right = (side.get(name) for side in profiles)
    bins = [(side.get(name) or [None, None]) for side in counted]
    first, bars = (
        [side[at] if at < len(side) else None for side in bins] for at in (0, 1)
    )
    return ColumnDiff(
        name=name,
        datatype=datatype,
        changed=changed.columns.get(name, 0),
        left=left,
        right=right,
        distance=_distance(left, right, first),
        bins_left=first[0],
        bins_right=first[1],
        bars_left=bars[0],
        bars_right=bars[1],
    )


def _distance(
    left: Profile | None, right: Profile | None, bins: Sequence[Bins | None]
) -> float:
    """Return the PSI, of columns that both have; without bins that of the missing."""
    if left is None or right is None:
        return 0.0
    if bins[0] is None or bins[1] is None:
        known = [[p.rows - p.nulls] for p in (left, right)]
    else:
        known = [list(b.counts) for b in bins if b is not None]
    return psi([*known[0], left.nulls], [*known[1], right.nulls])
