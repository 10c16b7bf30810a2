"""The helper that a `HistoryAside` starts: it answers with a DuckDB of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from roadbed.adapters.history.duckdb.engine import DuckDBHistory
from roadbed.adapters.history.duckdb.messages import (
    Add,
    Copy,
    Count,
    Find,
    Payloads,
    Question,
    Records,
    Reply,
    Said,
    Search,
    failed,
)
from roadbed.core.errors import RoadbedError
from roadbed.core.helper import serve

_ASK: dict[type, Callable[[DuckDBHistory, Any], Any]] = {
    Copy: lambda engine, q: engine.copy(
        q.dataset, Path(q.lines), q.longest, Path(q.target)
    ),
    Find: lambda engine, q: engine.find(Path(q.file), q.call_id),
    Said: lambda engine, q: engine.payload(Path(q.file), q.call_id),
    Search: lambda engine, q: engine.search(_paths(q.files), q.query),
    Records: lambda engine, q: engine.records(Path(q.file)),
    Payloads: lambda engine, q: engine.payloads(Path(q.file)),
    Count: lambda engine, q: engine.tally(_paths(q.files), q.span),
    Add: lambda engine, q: engine.spend(_paths(q.files), q.span, q.label),
}


class Desk:
    """Puts each question to the engine."""

    def __init__(self) -> None:
        self._engine = DuckDBHistory()
        self._read = msgspec.msgpack.Decoder(Question)

    def answer(self, question: bytes) -> bytes:
        """Return the reply to one question, an error as one."""
        try:
            asked = self._read.decode(question)
            found = _ASK[type(asked)](self._engine, asked)
            reply = Reply(value=msgspec.Raw(msgspec.msgpack.encode(found)))
        except RoadbedError as error:
            reply = failed(error)
        except Exception as error:  # noqa: BLE001 the parent says what is odd, once
            reply = failed(RoadbedError(f"the history failed: {type(error).__name__}"))
        return msgspec.msgpack.encode(reply)


def _paths(files: list[str]) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    serve(Desk().answer)
