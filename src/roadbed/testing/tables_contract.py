"""What every engine of tables promises, as tests that each adapter runs."""

import hashlib
import math
from pathlib import Path
from typing import Any

import pytest

from roadbed.core.errors import Invalid
from roadbed.ports.tables import Tables, Written

ROWS: dict[str, list[Any]] = {
    "n": [3, None, 1],
    "größe": [0.5, None, 1e300],
    "text": ["a", "", None],
    "truth": [True, None, False],
}


class TablesContract:
    """Subclass me with a `tables` fixture: an engine."""

    def test_rows_come_back_in_their_order(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """Values, missing values and names survive."""
        assert _read(tables, tables.write(ROWS, tmp_path)) == ROWS

    def test_the_same_rows_are_the_same_bytes(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """Identity by digest needs it."""
        first = _digests(tables.write(ROWS, _folder(tmp_path, "a")))
        second = _digests(tables.write(ROWS, _folder(tmp_path, "b")))

        assert first == second

    def test_rows_in_another_order_are_other_bytes(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """The order of rows is content."""
        turned = {name: values[::-1] for name, values in ROWS.items()}
        first = _digests(tables.write(ROWS, _folder(tmp_path, "a")))
        second = _digests(tables.write(turned, _folder(tmp_path, "b")))

        assert first != second

    def test_missing_is_not_nan(self, tables: Tables, tmp_path: Path) -> None:
        """What was not measured and what is no number stay apart."""
        written = tables.write({"a": [None, math.nan]}, tmp_path)
        missing, nan = _read(tables, written)["a"]

        assert missing is None
        assert math.isnan(nan)

    def test_the_parts_say_how_many_rows_they_have(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """Together they have all of them, and at least one part exists."""
        full = tables.write(ROWS, _folder(tmp_path, "full"))
        empty = tables.write({"a": []}, _folder(tmp_path, "empty"))

        assert sum(part.rows for part in full.parts) == 3
        assert [part.rows for part in empty.parts] == [0]

    def test_rows_are_handed_out_in_batches(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """In their order, and with the columns that were asked for."""
        written = tables.write(ROWS, tmp_path)
        files = [part.file for part in written.parts]

        batches = [list(rows) for rows in tables.rows(files, ["text", "n"], batch=2)]

        assert batches == [[("a", 3), ("", None)], [(None, 1)]]
        with pytest.raises(Invalid, match="no column 'm'"):
            list(tables.rows(files, ["m"]))

    def test_rows_are_found_however_they_are_spelled(
        self, tables: Tables, tmp_path: Path
    ) -> None:
        """Case and spaces do not matter, nor does whether a number is whole."""
        rows = {"n": [3.0, None, 0.1], "text": ["What  is Tea?", "b", None]}
        written = tables.write(rows, tmp_path)
        files = [part.file for part in written.parts]
        both = [["n", "text"]]

        asked = [[3, "what is tea? "], [3, "b"], [None, "B"], [0.1, None]]
        assert tables.found(files, both, asked) == {0, 2, 3}
        assert tables.found(files, [["text"]], [["what is tea?"], ["x"]]) == {0}
        assert tables.found(files, both, []) == set()
        with pytest.raises(Invalid, match="no column 'm'"):
            tables.found(files, [["m"]], [[1]])

    @pytest.mark.parametrize(
        ("changed", "same"),
        [
            ({}, True),
            ({"n": [3, None, 2]}, False),
            ({"n": [3, 0, 1]}, False),
            ({"text": ["a", None, None]}, False),
            ({"truth": [False, None, True]}, False),
            ({"more": [1, 2, 3]}, False),
            ({name: values[:2] for name, values in ROWS.items()}, False),
            ({"größe": [math.nan, None, 1e300]}, False),
        ],
    )
    def test_same_rows_are_known_and_others_too(
        self, tables: Tables, tmp_path: Path, changed: dict[str, Any], same: bool
    ) -> None:
        """One value, one missing value, the order, a column, a row: all matter."""
        first = tables.write(ROWS, _folder(tmp_path, "a"))
        second = tables.write({**ROWS, **changed}, _folder(tmp_path, "b"))

        files = [[part.file for part in w.parts] for w in (first, second)]
        assert tables.same(*files) is same

    @pytest.mark.parametrize(
        "source", [{}, {"a": [1], "A": [2]}, {"a": [1], "b": []}, {"a": [1, "x"]}, 7]
    )
    def test_what_is_no_clean_table_is_refused(
        self, tables: Tables, tmp_path: Path, source: Any
    ) -> None:
        """No columns, two alike, uneven ones, mixed ones, and no table at all."""
        with pytest.raises(Invalid):
            tables.write(source, tmp_path)


def _read(tables: Tables, written: Written) -> dict[str, list[Any]]:
    return tables.columns([part.file for part in written.parts])


def _digests(written: Written) -> list[str]:
    files = [part.file.read_bytes() for part in written.parts]
    return [hashlib.sha256(data).hexdigest() for data in files]


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
