"""What the call log asks of a store of sealed calls, and the words for asking."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Invalid
from roadbed.inference.record import CallRecord, Payload

DATASETS = ("calls", "payloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which calls are wanted. Empty text means any; times are UTC microseconds.

    `model` is `name@number`, or a name for all its versions; a call of nobody known
    is of the tenant `default`. `arm` is where `rollout` put it, such as `new`.
    `since_us` is inside, `until_us` outside. `before` continues a list: the `cursor` of
    the last call that was shown.
    """

    tenant: str = ""
    endpoint: str = ""
    model: str = ""
    status: str = ""
    principal: str = ""
    kind: str = ""
    trace_id: str = ""
    rollout: str = ""
    arm: str = ""
    since_us: int | None = None
    until_us: int | None = None
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many calls with the same facts began in one stretch of time, by latency.

    `bucket` is floor(ln(latency_us) / ln 1.05): counts of one bucket add up,
    wherever they were counted.
    """

    endpoint: str
    at_us: int
    bucket: int
    calls: int
    errors: int
    tenant: str = DEFAULT_TENANT
    model: str = ""
    provider: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What calls with the same facts cost that began in one stretch of time.

    `label` is the value of the label that was asked about. `unpriced` are the calls
    that were answered without a price that anybody knew.
    """

    tenant: str = DEFAULT_TENANT
    endpoint: str = ""
    model: str = ""
    provider: str = ""
    region: str = ""
    principal: str = ""
    label: str = ""
    at_us: int
    calls: int
    unpriced: int
    cost_nano: int
    input_tokens: int
    output_tokens: int


FACTS = ("tenant", "endpoint", "model", "provider", "region")
"""What calls are told apart by when they are counted."""


FAILED = ("error", "truncated")
"""The states that count as our errors; a denial or a hang-up is the caller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in steps, in microseconds, and whose calls are wanted.

    `since_us` is inside, `until_us` outside; an empty tenant means any.
    """

    since_us: int
    until_us: int
    step_us: int
    tenant: str = ""

    def conditions(self, column: Callable[[str], str]) -> tuple[str, list[Any]]:
        """Return the WHERE clause of the span and its parameters."""
        parts = [f"{column('ts')} >= ?", f"{column('ts')} < ?"]
        values: list[Any] = [self.since_us, self.until_us]
        if self.tenant:
            more, names = _of_tenant(self.tenant, column)
            return " AND ".join([*parts, more]), values + names
        return " AND ".join(parts), values


class History(Protocol):
    """Writes and reads the Parquet files of sealed calls.

    Missing files raise NotFound, unreadable ones Corrupt; both name the file.
    """

    def write(self, dataset: str, lines: Iterable[bytes], target: Path) -> int:
        """Write JSON *lines* as Parquet to *target*, in their order; return the rows.

        *dataset* is `calls` or `payloads` and names the columns.
        """
        ...

    def find(self, file: Path, call_id: str) -> CallRecord | None:
        """Return one call of a `calls` file."""
        ...

    def payload(self, file: Path, call_id: str) -> Payload | None:
        """Return one payload of a `payloads` file."""
        ...

    def search(self, files: Sequence[Path], query: CallQuery) -> list[CallRecord]:
        """Return the newest calls that match, newest first, at most `query.limit`."""
        ...

    def records(self, file: Path) -> list[CallRecord]:
        """Return every call of a file, in the order of (ts, call_id)."""
        ...

    def payloads(self, file: Path) -> list[Payload]:
        """Return every payload of a file, in the order of (ts, call_id)."""
        ...

    def tally(self, files: Sequence[Path], span: "Span") -> list[Tally]:
        """Count the calls of *span* in its steps, by their `FACTS`."""
        ...

    def spend(self, files: Sequence[Path], span: "Span", label: str) -> list[Spend]:
        """Add up the cost of the calls of *span*, by `FACTS`, principal and *label*."""
        ...


def cursor(record: CallRecord) -> str:
    """Return the text that continues a list after *record*."""
    return f"{record.ts}~{record.call_id}"


_DIGITS = 17
"""Microseconds since 1970 have no more digits for another three thousand years."""


def read_cursor(text: str) -> tuple[int, str]:
    """Return the time and the call id of a cursor; raise Invalid for other texts."""
    ts, mark, call_id = text.partition("~")
    if not mark or not ts.isascii() or not ts.isdecimal() or len(ts) > _DIGITS:
        raise Invalid(
            f"{text[:100]!r} does not continue a list of calls",
            hint="take the cursor, or the call id, of the last call that was shown",
        )
    return int(ts), call_id


_EQUAL = ("endpoint", "status", "principal", "kind", "trace_id", "rollout", "arm")
"""The fields of a query that a call's own are equal to."""


def conditions(query: CallQuery, column: Callable[[str], str]) -> tuple[str, list[Any]]:
    """Return the WHERE clause of *query* and its parameters, for either engine.

    *column* gives the SQL of a field by its name.
    """
    parts: list[str] = ["TRUE"]
    values: list[Any] = []
    if query.tenant:
        more, names = _of_tenant(query.tenant, column)
        parts.append(more)
        values += names
    for name in _EQUAL:
        if wanted := getattr(query, name):
            parts.append(f"{column(name)} = ?")
            values.append(wanted)
    if query.model:
        model = column("model")
        parts.append(f"({model} = ? OR substr({model}, 1, ?) = ?)")
        values += [query.model, len(query.model) + 1, query.model + "@"]
    times, more = _times(query, column("ts"), column("call_id"))
    return " AND ".join(parts + times), values + more


def _of_tenant(tenant: str, column: Callable[[str], str]) -> tuple[str, list[Any]]:
    """Return what chooses the calls of *tenant*; nobody's are those of `default`."""
    nobody = "" if tenant == DEFAULT_TENANT else tenant
    return f"{column('tenant')} IN (?, ?)", [tenant, nobody]


def _times(query: CallQuery, ts: str, call_id: str) -> tuple[list[str], list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    if query.since_us is not None:
        parts.append(f"{ts} >= ?")
        values.append(query.since_us)
    if query.until_us is not None:
        parts.append(f"{ts} < ?")
        values.append(query.until_us)
    if query.before:
        at, last = read_cursor(query.before)
        parts.append(f"({ts} < ? OR ({ts} = ? AND {call_id} < ?))")
        values += [at, at, last]
    return parts, values
