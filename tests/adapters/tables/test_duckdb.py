import datetime as dt
import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_wine

from roadbed.adapters.tables.duckdb import DuckdbTables, TablesAside
from roadbed.core.errors import Invalid
from roadbed.testing.tables_contract import TablesContract

TABLES = DuckdbTables(rows_per_part=3)


class TestDuckdbTables(TablesContract):
    @pytest.fixture(params=[2, 250_000])
    def tables(self, request):
        return DuckdbTables(rows_per_part=request.param)


class TestAside(TablesContract):
    """The same answers, of what is compared and read, from a process of its own."""

    @pytest.fixture
    def tables(self, aside):
        return aside


@pytest.fixture(scope="module")
def aside():
    tables = TablesAside()
    yield tables
    tables.close()


def test_a_comparison_from_beside_is_the_one_from_here(tmp_path, aside):
    before = {
        "id": [1, 2, 3, 4],
        "x": [0.5, math.nan, None, math.inf],
        "city": ["a", None, "b", "a"],
        "at": [dt.datetime(2026, 1, n, tzinfo=dt.UTC) for n in (1, 2, 3, 4)],
    }
    after = {**before, "x": [0.5, 7.0, None, 2.0], "city": ["a", "c", "b", None]}
    sides = [
        [p.file for p in write(rows, tmp_path / name).parts]
        for name, rows in (("a", before), ("b", after))
    ]
    edges = {"x": [(0.0, 1.0), (0.5,)], "city": [("a", "b")]}

    assert aside.changes(*sides, ["id"]) == TABLES.changes(*sides, ["id"])
    assert aside.changes(*sides, []) == TABLES.changes(*sides, [])
    assert aside.profiles(sides[1]) == TABLES.profiles(sides[1])
    assert aside.bins(sides[1], edges) == TABLES.bins(sides[1], edges)
    with pytest.raises(Invalid, match="no column 'nobody'"):
        aside.changes(*sides, ["nobody"])


def test_a_process_that_compares_beside_never_loads_duckdb(tmp_path):
    [part] = write({"id": [1]}, tmp_path / "a").parts
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from roadbed.adapters.tables.duckdb import TablesAside\n"
        "tables, file = TablesAside(), Path(sys.argv[1])\n"
        "assert tables.changes([file], [file], ['id']).added == 0\n"
        "assert tables.columns([file]) == {'id': [1]}\n"
        "assert 'duckdb' not in sys.modules\n"
        "print(tables.helper.pid)\n"
        "tables.close()\n"
    )
    words = [sys.executable, "-c", code, part.file]
    run = subprocess.run(words, check=True, capture_output=True, text=True)

    assert not Path(f"/proc/{run.stdout.strip()}").exists()


def write(source, folder, tables=TABLES):
    folder.mkdir(exist_ok=True)
    return tables.write(source, folder)


def read(written):
    return TABLES.columns([part.file for part in written.parts])


def types(written):
    return {column.name: column.datatype for column in written.columns}


def digests(written):
    return [hashlib.sha256(p.file.read_bytes()).hexdigest() for p in written.parts]


def test_many_rows_of_a_real_table_become_the_same_bytes(tmp_path):
    wine = load_wine(as_frame=True).frame
    wine["kind"] = wine["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    big = pd.concat([wine] * 200, ignore_index=True)
    tables = DuckdbTables(rows_per_part=10_000)

    first = write(big, tmp_path / "a", tables)
    second = write(big, tmp_path / "b", tables)

    assert len(first.parts) > 1
    assert sum(p.rows for p in first.parts) == 35_600
    assert digests(first) == digests(second)


def test_another_process_writes_the_same_bytes_too(tmp_path):
    source = "{'a': [1, 2, None, 4], 'b': ['x', None, 'é', 'y']}"
    (tmp_path / "there").mkdir()
    program = (
        "import sys; from pathlib import Path;"
        "from roadbed.adapters.tables.duckdb import DuckdbTables;"
        f"DuckdbTables(rows_per_part=3).write({source}, Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "there"], check=True)
    here = write(eval(source), tmp_path / "here")

    for part in here.parts:
        there = tmp_path / "there" / part.file.name
        assert there.read_bytes() == part.file.read_bytes()


def test_null_nan_and_infinity_are_three_things(tmp_path):
    written = write({"a": [None, float("nan"), float("inf"), 1]}, tmp_path)
    values = read(written)["a"]

    assert values[0] is None
    assert math.isnan(values[1])
    assert values[2:] == [math.inf, 1.0]


def test_in_a_pandas_frame_nan_means_missing(tmp_path):
    written = write(pd.DataFrame({"a": [1.5, np.nan]}), tmp_path)

    assert read(written) == {"a": [1.5, None]}


def test_names_and_texts_may_be_in_any_script(tmp_path):
    source = {'größe "mm"': [1], "年齢": [2], "it's": ["\n'\"\\ é 🚆"]}

    assert read(write(source, tmp_path)) == {
        'größe "mm"': [1],
        "年齢": [2],
        "it's": ["\n'\"\\ é 🚆"],
    }


@pytest.mark.parametrize(
    "source",
    [
        {"a": np.array([], np.float64), "b": np.array([], "U1")},
        pd.DataFrame({"a": np.array([], np.float64), "b": pd.Series([], dtype="str")}),
    ],
)
def test_a_table_without_rows_keeps_its_schema(tmp_path, source):
    written = write(source, tmp_path)

    assert types(written) == {"a": "DOUBLE", "b": "VARCHAR"}
    assert [part.rows for part in written.parts] == [0]
    assert read(written) == {"a": [], "b": []}


def test_a_table_of_one_column_is_a_table(tmp_path):
    assert read(write(pd.Series([3, 1, 2, 0], name="q"), tmp_path)) == {
        "q": [3, 1, 2, 0]
    }


def test_every_kind_of_pandas_column_is_kept(tmp_path):
    day, noon = dt.date(2026, 11, 20), dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    frame = pd.DataFrame(
        {
            "object": pd.Series(["x", None], dtype=object),
            "category": pd.Categorical(["u", None]),
            "levels": pd.Categorical([2, None]),
            "text": ["a", None],
            "whole": pd.array([1, None], dtype="Int64"),
            "truth": pd.array([True, None], dtype="boolean"),
            "small": np.array([1, 2], np.float32),
            "day": [day, None],
            "noon": pd.to_datetime([noon, None]),
            "bytes": [b"\0", None],
        }
    )

    written = write(frame, tmp_path)

    assert read(written) == {
        "object": ["x", None],
        "category": ["u", None],
        "levels": [2, None],
        "text": ["a", None],
        "whole": [1, None],
        "truth": [True, None],
        "small": [1.0, 2.0],
        "day": [day, None],
        "noon": [noon, None],
        "bytes": [b"\0", None],
    }
    assert types(written)["small"] == "FLOAT"
    assert types(written)["noon"] == "TIMESTAMP WITH TIME ZONE"


def test_arrays_keep_their_types(tmp_path):
    source = {
        "f": np.array([1, 2], np.float32),
        "u": np.array([2**64 - 1, 0], np.uint64),
        "t": np.array(["2026-11-20", "NaT"], "datetime64[ns]"),
        "s": np.array(["x", "yy"]),
    }
    written = write(source, tmp_path)

    assert types(written) == {
        "f": "FLOAT",
        "u": "UBIGINT",
        "t": "TIMESTAMP",
        "s": "VARCHAR",
    }
    assert read(written)["u"] == [2**64 - 1, 0]
    assert read(written)["t"] == [dt.datetime(2026, 11, 20), None]


@pytest.mark.parametrize(
    ("texts", "datatype"),
    [
        (["01/01/2024", "02/01/2024"], "VARCHAR"),
        (["01/02/2024 10:00:00", "01/02/2024 11:00:00"], "VARCHAR"),
        (["1E5", "100000"], "VARCHAR"),
        (["12345e67", "9e999999"], "VARCHAR"),
        (["F", "F"], "VARCHAR"),
        (["31-12-24", "30-12-24"], "VARCHAR"),
        (["epoch", "epoch"], "VARCHAR"),
        (["inf", "inf"], "VARCHAR"),
        (["yes", "no"], "VARCHAR"),
        (["0x10", "0x11"], "VARCHAR"),
        (["2024/01/02", "2024/02/01"], "VARCHAR"),
        (["10:30", "11:00"], "VARCHAR"),
        (["007", "0123"], "VARCHAR"),
        (["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2, "VARCHAR"),
        (["2024-01-02", "2024-02-01"], "DATE"),
        (["2024-01-02 10:00:00", "2024-01-02 10:00:00.125"], "TIMESTAMP"),
        (["2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"], "TIMESTAMP WITH TIME ZONE"),
        (["1.5e-05", "2e+16"], "DOUBLE"),
        (["true", "False"], "BOOLEAN"),
        (["-1", "12"], "BIGINT"),
    ],
)
def test_a_csv_keeps_as_text_what_a_type_would_write_otherwise(
    tmp_path, texts, datatype
):
    file = tmp_path / "data.csv"
    file.write_text("n,it's\n" + "".join(f"{n},{t}\n" for n, t in enumerate(texts)))
    written = write(file, tmp_path / "kept")

    assert types(written) == {"n": "BIGINT", "it's": datatype}
    if datatype == "VARCHAR":
        assert read(written)["it's"] == texts


def test_a_text_in_json_lines_is_no_time_of_day_and_no_uuid(tmp_path):
    told = {
        "expected": "10:30",
        "id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "said": {"TIME": "10:31", "b c": ["10:30"], "UUID": "x", "TIMESTAMP": "y"},
        "nothing": None,
    }
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(told | {"at": "2024-01-02T10:00:00Z"}))
    written = write(file, tmp_path / "kept")

    assert types(written)["at"] == "TIMESTAMP WITH TIME ZONE"
    assert {name: value for name, [value] in read(written).items()} == told | {
        "at": dt.datetime(2024, 1, 2, 10, tzinfo=dt.UTC)
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("01-02-2024", "01-02-2024"),
        ("01-02-2024 10:00:00", "01-02-2024 10:00:00"),
        ("2024-01-02", dt.date(2024, 1, 2)),
        ("2024-01-02 10:00:00", dt.datetime(2024, 1, 2, 10)),
        ("2024-01-02T10:00:00", dt.datetime(2024, 1, 2, 10)),
        (["2024-01-02 10:00:00"], ["2024-01-02 10:00:00"]),
        ({"day": "2024-01-02"}, {"day": "2024-01-02"}),
        ("31-12-24", "31-12-24"),
        ("10-11-12", "10-11-12"),
        ("epoch", "epoch"),
        ({"TIMESTAMP": "01-02-2024 10:00:00"}, {"TIMESTAMP": "01-02-2024 10:00:00"}),
    ],
)
@pytest.mark.parametrize(
    "more", [{}, {"time": "10:30"}, {"other": "01-02-2024 10:00:00"}]
)
def test_a_day_is_one_in_json_lines_if_its_year_comes_first(tmp_path, said, kept, more):
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps({"it's": said} | more))

    assert read(write(file, tmp_path / "kept"))["it's"] == [kept]


def test_a_csv_says_what_all_its_values_say(tmp_path):
    lines = ["n;ü name;x"] + [f"{n};a;1" for n in range(30_000)] + ['z;"q;""r";1.5', ""]
    file = tmp_path / "data [1]*.csv"
    file.write_text("\n".join(lines))
    written = write(file, tmp_path / "out", DuckdbTables())

    assert types(written) == {"n": "VARCHAR", "ü name": "VARCHAR", "x": "DOUBLE"}
    assert [column[-1] for column in read(written).values()] == ["z", 'q;"r', 1.5]


def test_a_parquet_file_of_any_make_becomes_our_own(tmp_path):
    frame = load_wine(as_frame=True).frame
    first = write(frame, tmp_path / "a", DuckdbTables())
    second = write(first.parts[0].file, tmp_path / "b", DuckdbTables())

    assert digests(first) == digests(second)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,a,b\n1,2,3\n", "two columns are called 'a'"),
        ("a.csv", b"", "at least one column"),
        ("a.csv", b"\xff\xfe\x00g", "cannot be read"),
        ("a.csv", b"a,b\n1,2\n3\n4,5,6\n", "cannot be read"),
        ("a.parquet", b"a,b\n1,2\n", "cannot be read"),
        ("a.xlsx", b"PK", "neither CSV nor JSON Lines nor Parquet"),
    ],
)
def test_a_file_that_is_no_clean_table_is_refused(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(Invalid, match=message) as caught:
        write(file, tmp_path / "out")
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "at least one column"),
        ({"a": [1], "A": [2]}, "two columns are called 'a' and 'A'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns"),
        (pd.DataFrame([[1, 2]]), "0 is no name"),
        (pd.DataFrame(), "at least one column"),
        ({"a": [1, "x"]}, "'a' mixes texts and whole numbers"),
        (pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)}), "'a' mixes"),
        (pd.DataFrame({"a": [1j]}), "cannot be read"),
        ({"a": np.zeros((2, 2))}, "'a' has 2 dimensions"),
        ({"a": "text"}, "'a' is no list of values"),
        ([1, 2], "a list is no table"),
        ("missing.csv", "there is no file 'missing.csv'"),
    ],
)
def test_a_source_that_is_no_clean_table_is_refused(tmp_path, source, message):
    with pytest.raises(Invalid, match=message):
        write(source, tmp_path)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_rows_come_back_in_order(tmp_path_factory, rows):
    source = dict(zip("abcd", map(list, zip(*rows, strict=True)), strict=True))
    written = write(source, tmp_path_factory.mktemp("any"))

    assert read(written) == source
