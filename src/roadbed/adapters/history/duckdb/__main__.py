"""The helper that a `HistoryAside` starts: it answers with a DuckDB of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from roadbed.adapters.history.duckdb.engine import DuckDBHistory
from roadbed.adapters.history.duckdb.messages import (
    Add,
    Copy,
    Count,
    Find,
    Payloads,
    Question,
    Records,
    Said,
    Search,
)
from roadbed.core.helper import serve
from roadbed.core.replies import answers


def _by(engine: DuckDBHistory) -> dict[type, Callable[[Any], Any]]:
    return {
        Copy: lambda q: engine.copy(
            q.dataset, Path(q.lines), q.longest, Path(q.target)
        ),
        Find: lambda q: engine.find(Path(q.file), q.call_id),
        Said: lambda q: engine.payload(Path(q.file), q.call_id),
        Search: lambda q: engine.search(_paths(q.files), q.query),
        Records: lambda q: engine.records(Path(q.file)),
        Payloads: lambda q: engine.payloads(Path(q.file)),
        Count: lambda q: engine.tally(_paths(q.files), q.span),
        Add: lambda q: engine.spend(_paths(q.files), q.span, q.label),
    }


def _paths(files: list[str]) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    serve(answers(Question, _by(DuckDBHistory()), "the history"))
