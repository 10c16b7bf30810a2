"""The history in a process of its own: DuckDB's memory is not the server's.

Nothing but questions and answers goes over the pipe: calls that are to be sealed are
spilled to a file beside their target. Each attempt writes files of its own, and what
it wrote gets its name only here; so one that was killed half way leaves nothing that
anybody takes for sealed, and the next attempt removes it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from roadbed.adapters.history.duckdb.drafts import drafts_of, spill, sweep
from roadbed.adapters.history.duckdb.messages import (
    SHAPES,
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
from roadbed.core.helper import Helper
from roadbed.core.replies import put
from roadbed.gateway.history import CallQuery, Span, Spend, Tally
from roadbed.inference.record import CallRecord, Payload

_MODULE = "roadbed.adapters.history.duckdb"


class HistoryAside:
    """A `gateway.history.History` on local files. Safe to share between threads."""

    def __init__(self) -> None:
        self.helper = Helper(_MODULE)

    def write(self, dataset: str, lines: Iterable[bytes], target: Path) -> int:
        """Write JSON *lines* as zstd Parquet to *target*, in their order."""
        sweep(target)
        scratch, draft = drafts_of(target)
        try:
            longest = spill(lines, scratch)
            rows = self._ask(Copy(dataset, _name(scratch), longest, _name(draft)))
            draft.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
            draft.unlink(missing_ok=True)
        return rows

    def find(self, file: Path, call_id: str) -> CallRecord | None:
        """Return one call of a `calls` file."""
        return self._ask(Find(_name(file), call_id))

    def payload(self, file: Path, call_id: str) -> Payload | None:
        """Return one payload of a `payloads` file."""
        return self._ask(Said(_name(file), call_id))

    def search(self, files: Sequence[Path], query: CallQuery) -> list[CallRecord]:
        """Return the newest calls that match, newest first."""
        return self._ask(Search(_names(files), query)) if files else []

    def records(self, file: Path) -> list[CallRecord]:
        """Return every call of a file, in the order of (ts, call_id)."""
        return self._ask(Records(_name(file)))

    def payloads(self, file: Path) -> list[Payload]:
        """Return every payload of a file, in the order of (ts, call_id)."""
        return self._ask(Payloads(_name(file)))

    def tally(self, files: Sequence[Path], span: Span) -> list[Tally]:
        """Count the calls of *span* in its steps, by facts and latency."""
        return self._ask(Count(_names(files), span)) if files else []

    def spend(self, files: Sequence[Path], span: Span, label: str) -> list[Spend]:
        """Add up the cost of the calls of *span*, by facts, principal and *label*."""
        return self._ask(Add(_names(files), span, label)) if files else []

    def close(self) -> None:
        """End the process; the next question starts another."""
        self.helper.close()

    def _ask(self, question: Question) -> Any:
        return put(self.helper, question, SHAPES[type(question)])


def _name(path: Path) -> str:
    return str(path.absolute())


def _names(paths: Sequence[Path]) -> list[str]:
    return [_name(path) for path in paths]
