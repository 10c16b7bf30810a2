"""A diff says what comparing every row by hand says, and reads only what it must."""

import math
from collections import Counter
from itertools import pairwise

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.core.errors import Corrupt, Invalid
from roadbed.data.datasets import Datasets
from roadbed.data.diff import diff
from roadbed.data.drift import psi
from roadbed.data.sources import Wish
from tests.data.conftest import StoppedClock
from tests.data.test_datasets import damage, file_of

ROWS = {
    "id": list(range(250)),
    "size": [n / 7 for n in range(250)],
    "kind": ["ab"[n % 2] for n in range(250)],
}
BY_ID = Wish(key=("id",))
few = settings(max_examples=4, suppress_health_check=list(HealthCheck))
VALUES = st.one_of(st.none(), st.sampled_from([0.0, 1.5, math.nan, 2.0]))
TABLE = st.dictionaries(
    st.integers(0, 30),
    st.tuples(VALUES, st.sampled_from([None, "", "x", "é'"])),
    min_size=1,
    max_size=25,
)


@pytest.fixture
def held(sqlite_database, blobs):
    return Datasets(sqlite_database, blobs, StoppedClock(), DuckdbTables(40))


def test_what_did_not_move_is_measured_once_and_told_of_both_sides(held):
    """As it would be if both sides were measured."""
    changed = {**ROWS, "size": [n / 3 for n in ROWS["id"]]}
    one, two = (held.snapshot("t", rows, "me", BY_ID) for rows in (ROWS, changed))
    found = {c.name: c for c in diff(held, one, two).columns}
    alone = held.tables.profiles(two.paths())

    for name in ("id", "kind"):
        assert found[name].right == found[name].left == alone[name]
        assert found[name].bins_right == found[name].bins_left
        assert found[name].distance == 0
    assert found["size"].right == alone["size"] != found["size"].left
    assert sum(found["size"].bins_right.counts) == 250


def columns_of(table):
    rows = [(k, *v) for k, v in table.items()]
    return dict(zip(("id", "x", "t"), map(list, zip(*rows, strict=True)), strict=True))


def told(value):
    """Equal values have equal texts here, NaN too."""
    return repr(value)


@given(before=TABLE, after=TABLE)
@few
def test_rows_by_key_are_compared_as_by_hand(held, before, after):
    one, two = (held.snapshot("t", columns_of(t), "me", BY_ID) for t in (before, after))
    found = diff(held, one, two)
    both = before.keys() & after.keys()
    differs = [k for k in both if told(before[k]) != told(after[k])]

    rows = found.rows
    assert rows.added == len(after.keys() - both)
    assert rows.removed == len(before.keys() - both)
    assert (rows.changed, rows.same) == (len(differs), len(both) - len(differs))
    for at, name in enumerate(("x", "t")):
        changed = [k for k in both if told(before[k][at]) != told(after[k][at])]
        counted = {c.name: c.changed for c in found.columns}
        assert counted.get(name, 0) == len(changed)


@given(before=TABLE, after=TABLE)
@few
def test_whole_rows_are_compared_as_by_hand(held, before, after):
    plain = [
        {n: v for n, v in columns_of(t).items() if n != "id"} for t in (before, after)
    ]
    one, two = (held.snapshot("w", columns, "me") for columns in plain)
    found = diff(held, one, two)
    left, right = (Counter(told(row) for row in t.values()) for t in (before, after))

    assert found.rows.added == (right - left).total()
    assert found.rows.removed == (left - right).total()
    assert found.key == ()


@given(
    before=st.lists(VALUES, min_size=1, max_size=40),
    after=st.lists(VALUES, min_size=1, max_size=40),
)
@few
def test_distributions_are_counted_as_by_hand(held, before, after):
    one, two = (held.snapshot("d", {"x": v}, "me") for v in (before, after))
    found = diff(held, one, two)
    for column in found.columns:
        for values, profile, bins in (
            (before, column.left, column.bins_left),
            (after, column.right, column.bins_right),
        ):
            numbers = [v for v in values if v is not None and not math.isnan(v)]
            assert profile.nulls == values.count(None)
            assert profile.least == min(numbers, default=None)
            if bins:
                below = [sum(v <= e for v in numbers) for e in bins.edges]
                sums = [0, *below, len(numbers)]
                assert list(bins.counts) == [b - a for a, b in pairwise(sums)]


def test_columns_that_came_went_and_changed_their_type(held):
    one = held.snapshot("s", {"id": [1, 2], "a": [1, 2], "old": ["x", "y"]}, "me")
    two = held.snapshot("s", {"id": [1, 2], "a": [1.0, 2.5], "new": [0, 0]}, "me")
    found = diff(held, one, two, ["id"])

    assert [c.name for c in found.schema.added] == ["new"]
    assert [c.name for c in found.schema.removed] == ["old"]
    (retyped,) = found.schema.retyped
    assert (retyped.name, retyped.left, retyped.right) == ("a", "BIGINT", "DOUBLE")
    assert (found.rows.changed, found.rows.same) == (1, 1)


def test_what_moved_the_most_comes_first_and_a_drawing_has_its_bars(held):
    moved = {**ROWS, "size": [v * 3 for v in ROWS["size"]]}
    one, two = (held.snapshot("m", t, "me", BY_ID) for t in (ROWS, moved))
    found = diff(held, one, two)
    first = found.columns[0]

    assert (first.name, first.changed) == ("size", 249)
    assert first.distance > 0.25
    assert found.columns[1].distance == 0
    assert len(first.bars_left.counts) == len(first.bars_right.counts) == 20
    assert sum(first.bars_right.counts) == 250
    kind = next(c for c in found.columns if c.name == "kind")
    assert kind.left.top == (("a", 125), ("b", 125))
    assert found.content()["rows"]["changed"] == 249


def test_objects_of_both_sides_are_shared_and_not_compared(held):
    grown = {
        n: [*v, extra]
        for (n, v), extra in zip(ROWS.items(), (999, 0.5, "c"), strict=True)
    }
    shifted = {n: v[3:] for n, v in grown.items()}
    one, two, three = (
        held.snapshot("g", t, "me", BY_ID) for t in (ROWS, grown, shifted)
    )

    assert diff(held, one, two).shared >= len(one.objects) - 1
    assert diff(held, two, three).shared >= 1
    assert diff(held, two, three).rows.removed == 3
    same = diff(held, one, one)
    assert same.equal and same.shared == len(one.objects)


def test_a_key_that_is_none_is_refused(held):
    one = held.snapshot("k", ROWS, "me")
    two = held.snapshot("k", {n: v[:-1] for n, v in ROWS.items()}, "me")

    with pytest.raises(Invalid, match="the key is not unique"):
        diff(held, one, two, ["kind"])
    with pytest.raises(Invalid, match="no column 'nope' in both"):
        diff(held, one, two, ["nope"])


def test_damaged_data_is_not_compared(held, tmp_path):
    one = held.snapshot("x", ROWS, "me")
    two = held.snapshot("x", {n: v[:9] for n, v in ROWS.items()}, "me")
    damage(file_of(tmp_path, two.objects[0].digest))

    with pytest.raises(Corrupt):
        diff(held, one, two)


def test_the_stability_index_is_what_its_formula_says():
    expected = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5)

    assert psi([50, 50], [30, 70]) == pytest.approx(expected)
    assert psi([1, 0], [0, 0]) == 0
    assert psi([100, 0], [0, 100]) > 5


def test_versions_are_opened_by_path_in_any_reader(held, tmp_path):
    version = held.snapshot("p", ROWS, "me")
    paths = [str(path) for path in version.paths()]
    with duckdb.connect() as own:
        counted = own.execute("SELECT count(*) FROM read_parquet(?)", [paths])
        assert counted.fetchall() == [(250,)]
    copied = version.export(tmp_path / "out")
    assert [path.suffix for path in copied] == [".parquet"] * len(paths)
    assert pd.DataFrame(held.columns(version)).equals(pd.DataFrame(ROWS))
    with pytest.raises(Invalid, match="not empty"):
        version.export(tmp_path / "out")
    damage(file_of(tmp_path, version.objects[0].digest))
    with pytest.raises(Corrupt):
        version.paths()
