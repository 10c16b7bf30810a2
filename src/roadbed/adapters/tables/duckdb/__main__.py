"""The helper that `TablesAside` starts: it answers with a DuckDB of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.aside import (
    Compare,
    Count,
    Measure,
    Question,
    Read,
)
from roadbed.adapters.tables.duckdb.engine import DuckdbTables
from roadbed.core.helper import serve
from roadbed.core.replies import answers


def _by(engine: DuckdbTables) -> dict[type, Callable[[Any], Any]]:
    return {
        Compare: lambda q: engine.changes(_paths(q.left), _paths(q.right), q.key),
        Measure: lambda q: engine.profiles(_paths(q.files), q.but),
        Count: lambda q: engine.bins(_paths(q.files), q.edges),
        Read: lambda q: engine.columns_of_each([_paths(files) for files in q.tables]),
    }


def _paths(files: list[str]) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    serve(answers(Question, _by(DuckdbTables()), "the comparison"))
