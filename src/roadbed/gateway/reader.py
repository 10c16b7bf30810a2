"""Reading a spool, living or dead, without ever writing to it."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec

from roadbed.core.errors import Corrupt, NotFound, NotReady, RoadbedError
from roadbed.gateway.history import (
    FACTS,
    FAILED,
    CallQuery,
    Span,
    Spend,
    Tally,
    conditions,
    no_copy,
)
from roadbed.gateway.series import bucket_of
from roadbed.gateway.spool import SUFFIX
from roadbed.inference.record import MIRRORED, CallRecord, Payload

HOUR_US = 3_600_000_000
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_SCHEMA,
}
_record = msgspec.json.Decoder(CallRecord).decode
_payload = msgspec.json.Decoder(Payload).decode


class SpoolReader:
    """A read-only look into one spool file; use it as a context.

    Raises NotFound if the file is gone (it was sealed), NotReady if it cannot be
    read now, and Corrupt if it never will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        uri = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=5
            )
        except sqlite3.Error as error:
            raise self._translate(error) from None
        try:
            found = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'calls'")
            self.exists = bool(found)
        except RoadbedError:
            self._connection.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def check(self) -> None:
        """Read the whole file for damage; raise Corrupt if there is any."""
        (answer,) = self._rows("PRAGMA quick_check(1)")[0]
        if answer != "ok":
            raise Corrupt(f"spool {self.path.name} is damaged: {answer}")

    def count(self) -> int:
        """Return how many calls there are."""
        return self._rows("SELECT count(*) FROM calls")[0][0] if self.exists else 0

    def hours(self) -> list[tuple[str, int]]:
        """Return the regions and the hours (since 1970) that the calls fall into."""
        query = (
            "SELECT DISTINCT json_extract(record, '$.region'), ts / ? FROM calls "
            "ORDER BY 1, 2"
        )
        return self._rows(query, [HOUR_US]) if self.exists else []

    def hour(self, region: str, hour: int) -> Iterator[CallRecord]:
        """Yield the calls of one hour in the order of (ts, call_id)."""
        for call_id, ts, text, _ in self._hour(region, hour, "NULL"):
            record = self._decode(_record, text)
            if (record.call_id, record.ts, record.region) != (call_id, ts, region):
                raise Corrupt(f"spool {self.path.name}: a row is not what it says")
            yield record

    def payloads(self, region: str, hour: int) -> Iterator[Payload]:
        """Yield the payloads that were kept in one hour, in the same order."""
        for call_id, ts, _, text in self._hour(region, hour, "payload"):
            if text is None:
                continue
            payload = self._decode(_payload, text)
            if (payload.call_id, payload.ts) != (call_id, ts):
                raise Corrupt(f"spool {self.path.name}: a payload is not of its call")
            yield payload

    def find(self, call_id: str) -> tuple[CallRecord, Payload | None] | None:
        """Return one call and its payload, or None."""
        if not self.exists:
            return None
        query = "SELECT record, payload FROM calls WHERE call_id = ?"
        for record, payload in self._rows(query, [call_id]):
            body = None if payload is None else self._decode(_payload, payload)
            return self._decode(_record, record), body
        return None

    def has(self, call_ids: list[str]) -> set[str]:
        """Return those of *call_ids* that are in the spool."""
        if not self.exists:
            return set()
        query = "SELECT 1 FROM calls WHERE call_id = ?"
        return {call_id for call_id in call_ids if self._rows(query, [call_id])}

    def search(self, query: CallQuery) -> list[CallRecord]:
        """Return the newest calls that match, newest first."""
        if not self.exists:
            return []
        where, values = conditions(query, _column)
        order = "ORDER BY ts DESC, call_id DESC LIMIT ?"
        rows = self._rows(
            f"SELECT record FROM calls WHERE {where} {order}", [*values, query.limit]
        )
        return [self._decode(_record, text) for (text,) in rows]

    def tally(self, span: Span) -> list[Tally]:
        """Count the calls of *span* in its steps, by what tells them apart."""
        if not self.exists:
            return []
        where, values = span.conditions(_column)
        fields = ", ".join(map(_column, (*FACTS, "latency_us", "status", "ts")))
        where = f"{where} AND {no_copy(_column)}"
        rows = self._rows(f"SELECT {fields} FROM calls WHERE {where}", values)
        calls: Counter[tuple[Any, ...]] = Counter()
        errors: Counter[tuple[Any, ...]] = Counter()
        for *facts, latency_us, status, ts in rows:
            step = ts // span.step_us * span.step_us
            key = (*(fact or "" for fact in facts), step, bucket_of(latency_us))
            calls[key] += 1
            errors[key] += status in FAILED
        names = (*FACTS, "at_us", "bucket")
        return [
            Tally(**dict(zip(names, key, strict=True)), calls=n, errors=errors[key])
            for key, n in calls.items()
        ]

    def spend(self, span: Span, label: str) -> list[Spend]:
        """Add up the cost of the calls of *span*, by facts, principal and *label*."""
        if not self.exists:
            return []
        facts = (*FACTS, "principal")
        known = ", ".join(f"coalesce({_column(n)}, '') AS {n}" for n in facts)
        sums = ("cost_nano", "input_tokens", "output_tokens")
        added = ", ".join(f"coalesce(sum({_column(n)}), 0)" for n in sums)
        where, values = span.conditions(_column)
        rows = self._rows(
            f"SELECT {known}, coalesce(json_extract(record, ?), '') AS label, "
            f"coalesce({_column('arm')}, '') = '{MIRRORED}' AS mirrored, "
            f"ts / ? * ? AS at_us, count(*), sum({_column('status')} = 'ok' AND "
            f"coalesce({_column('price')}, '') = ''), {added} FROM calls "
            f"WHERE {where} GROUP BY {', '.join(facts)}, label, mirrored, at_us",
            [f'$.labels."{label}"', span.step_us, span.step_us, *values],
        )
        names = (*facts, "label", "mirrored", "at_us", "calls", "unpriced", *sums)
        found = (dict(zip(names, row, strict=True)) for row in rows)
        return [Spend(**{**row, "mirrored": bool(row["mirrored"])}) for row in found]

    def _hour(self, region: str, hour: int, payload: str) -> Iterator[Any]:
        query = (
            f"SELECT call_id, ts, record, {payload} FROM calls WHERE ts >= ? AND "
            "ts < ? AND json_extract(record, '$.region') = ? ORDER BY ts, call_id"
        )
        try:
            span = [hour * HOUR_US, (hour + 1) * HOUR_US, region]
            for row in self._connection.execute(query, span):  # noqa: UP028
                yield row  # `yield from` would close the cursor after the connection
        except sqlite3.Error as error:
            raise self._translate(error) from None

    def _rows(self, query: str, values: list[Any] | None = None) -> list[Any]:
        try:
            return self._connection.execute(query, values or []).fetchall()
        except sqlite3.Error as error:
            raise self._translate(error) from None

    def _decode(self, decode: Any, text: Any) -> Any:
        try:
            return decode(text)
        except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
            raise Corrupt(
                f"spool {self.path.name}: a row is no call: {error}"
            ) from None

    def _translate(self, error: sqlite3.Error) -> RoadbedError:
        name, code = self.path.name, getattr(error, "sqlite_errorcode", None)
        if code is None and isinstance(error, sqlite3.OperationalError):
            code = sqlite3.SQLITE_CORRUPT  # a text that is no UTF-8
        if not self.path.exists():
            return NotFound(f"spool {name} is gone", hint="its calls were sealed")
        if code == sqlite3.SQLITE_IOERR_SHORT_READ or (code or 0) & 0xFF in _DAMAGED:
            return Corrupt(f"spool {name} cannot be read: {error}")
        return NotReady(f"spool {name} cannot be read now: {error}")


def spools_in(folder: Path) -> list[Path]:
    """Return the spool files of every process on this host, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def _column(name: str) -> str:
    plain = name in ("ts", "call_id")
    return name if plain else f"json_extract(record, '$.{name}')"
