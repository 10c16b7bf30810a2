"""Comparisons in a process of its own: DuckDB's memory is not the server's."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roadbed.adapters.tables.duckdb.engine import DuckdbTables
from roadbed.core.helper import Helper
from roadbed.core.replies import put
from roadbed.ports.tables import Bins, Changes, Profile

_MODULE = "roadbed.adapters.tables.duckdb"


class Compare(msgspec.Struct, tag=True, frozen=True):
    """How the rows of two tables differ."""

    left: list[str]
    right: list[str]
    key: list[str]


class Measure(msgspec.Struct, tag=True, frozen=True):
    """How the values of each column are distributed, but of some."""

    files: list[str]
    but: list[str]


class Count(msgspec.Struct, tag=True, frozen=True):
    """How many values of columns are in bins."""

    files: list[str]
    edges: dict[str, list[tuple[Any, ...]]]


class Read(msgspec.Struct, tag=True, frozen=True):
    """The rows of tables, as plain lists."""

    tables: list[list[str]]


Question = Compare | Measure | Count | Read


class TablesAside(DuckdbTables):
    """A `ports.tables.Tables` that compares and reads beside this process.

    It writes and judges within it. What has no type of its own in a message, such as a
    decimal, comes back as a text. Safe to share between threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.helper = Helper(_MODULE)

    def columns_of_each(
        self, tables: Sequence[Sequence[Path]]
    ) -> list[dict[str, list[Any]]]:
        """Return the rows of several tables, each as plain lists."""
        question = Read([_names(files) for files in tables])
        return put(self.helper, question, list[dict[str, list[Any]]])

    def changes(
        self, left: Sequence[Path], right: Sequence[Path], key: Sequence[str]
    ) -> Changes:
        """Return how the rows differ, from one SELECT over both."""
        question = Compare(_names(left), _names(right), list(key))
        return put(self.helper, question, Changes)

    def profiles(
        self, files: Sequence[Path], but: Collection[str] = ()
    ) -> dict[str, Profile]:
        """Return the distribution of each column *but* some, from one SELECT."""
        question = Measure(_names(files), sorted(but))
        return put(self.helper, question, dict[str, Profile])

    def bins(
        self, files: Sequence[Path], edges: Mapping[str, Sequence[tuple[Any, ...]]]
    ) -> dict[str, list[Bins]]:
        """Count the values of columns in bins, one SELECT for each list."""
        question = Count(_names(files), {n: list(e) for n, e in edges.items()})
        return put(self.helper, question, dict[str, list[Bins]])

    def close(self) -> None:
        """End the process; the next question starts another."""
        self.helper.close()


def _names(paths: Sequence[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths]
