"""Sealing: a closed spool becomes Parquet files, a catalog row and an audit entry.

Files first, then one transaction, then the spool goes. A crash between any two
steps leaves the spool, and doing it all again gives the same names and rows.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from roadbed.audit import merkle
from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import SYSTEM
from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import Corrupt, Invalid, NotReady
from roadbed.core.ids import split_call_id
from roadbed.core.sync import sync
from roadbed.database.engine import Database
from roadbed.gateway.history import History
from roadbed.gateway.leaf import leaf_of
from roadbed.gateway.reader import SpoolReader
from roadbed.gateway.segments import (
    ACTION,
    Segment,
    SegmentFile,
    add_segment,
    segments_of,
)
from roadbed.gateway.spool import drop
from roadbed.inference.record import SCHEMA_VERSION, CallRecord

_REGION = re.compile(r"[a-z][a-z0-9-]{0,30}")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sealer:
    """Moves closed spools into the history below `root`."""

    database: Database
    history: History
    root: Path
    clock: Clock

    def seal(self, spool: Path) -> list[Segment]:
        """Seal *spool* and remove it; return its segments, none if it was empty.

        Only for a spool that nobody writes to, under the lock of its process.
        Raises Corrupt if the spool is damaged, and then leaves it where it is.
        """
        with SpoolReader(spool) as reader:
            done = self._sealed(reader)
            if not done and reader.count():
                done = self.publish(self.write(reader))
        drop(spool)
        return done

    def write(self, reader: SpoolReader) -> list[Segment]:
        """Write the files of a spool, hour by hour; the catalog knows nothing yet."""
        return [self._hour(reader, *hour) for hour in reader.hours()]

    def publish(self, drafts: list[Segment]) -> list[Segment]:
        """Put *drafts* into the catalog and the audit log, in one transaction."""
        now_us = to_us(self.clock.now())
        with self.database.write() as connection:
            hold(connection)  # One at a time finds that a spool is not sealed yet.
            done = segments_of(connection, drafts[0].spool)
            if done:
                return done
            append(connection, now_us, *map(entry_of, drafts))
            done = [replace(draft, sealed_us=now_us) for draft in drafts]
            for segment in done:
                add_segment(connection, segment)
        return done

    def _sealed(self, reader: SpoolReader) -> list[Segment]:
        with self.database.read() as connection:
            done = segments_of(connection, reader.path.name)
        rows = sum(segment.rows for segment in done)
        if done and rows != reader.count():
            raise Corrupt(
                f"spool {reader.path.name} has {reader.count()} calls, but {rows} "
                "were sealed from it",
                hint="a copy was put back, or its write-ahead log is lost",
            )
        return done

    def _hour(self, reader: SpoolReader, region: str, hour: int) -> Segment:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise Corrupt(f"spool {reader.path.name}: {region!r} is no region")
        moment = _moment(reader, hour)
        day = f"{moment:%Y-%m-%d}"
        name = f"{reader.path.stem}-{region}-{moment:%Y%m%dT%H}"
        below = f"region={region}/day={day}/hour={moment:%H}/{name}.parquet"
        batch = _Batch()
        calls = self._file("calls", below, batch.lines(reader.hour(region, hour)))
        bodies = map(_encode, reader.payloads(region, hour))
        payloads = self._file("payloads", below, bodies)
        if calls is None or calls.rows != len(batch.leaves):
            raise NotReady(f"segment {name} lost calls while it was written")
        return Segment(
            id=name,
            spool=reader.path.name,
            region=region,
            day=day,
            hour=moment.hour,
            min_ts=batch.min_ts,
            max_ts=batch.max_ts,
            min_ms=batch.min_ms,
            max_ms=batch.max_ms,
            rows=calls.rows,
            root=merkle.root(batch.leaves).hex(),
            schema_version=SCHEMA_VERSION,
            sealed_us=0,
            calls=calls,
            payloads=payloads,
        )

    def _file(
        self, dataset: str, below: str, lines: Iterable[bytes]
    ) -> SegmentFile | None:
        """Write one Parquet file, whole or not at all; None if there are no lines."""
        first = next(lines := iter(lines), None)
        if first is None:
            return None
        path = f"{dataset}/{below}"
        final = self.root / path
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        final.parent.mkdir(parents=True, exist_ok=True)
        rows = write_file(self.history, dataset, _chain(first, lines), final)
        digest, size = digest_file(final)
        return SegmentFile(path=path, sha256=digest, bytes=size, rows=rows)


def write_file(
    history: History, dataset: str, lines: Iterable[bytes], final: Path
) -> int:
    """Write *lines* as the Parquet file *final*, whole or not at all; return the rows.

    It is on the disk when this returns, and so are the folders down from the root.
    """
    draft = final.with_name(f".{final.name}.tmp")
    try:
        rows = history.write(dataset, lines, draft)
        sync(draft)
        draft.replace(final)
    finally:
        draft.unlink(missing_ok=True)
    for folder in final.parents[:6]:  # from the hour to what holds the root
        sync(folder)
    return rows


class _Batch:
    """What is learnt about the calls of a segment while they pass by."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.min_ts = self.max_ts = self.min_ms = self.max_ms = 0

    def lines(self, records: Iterable[CallRecord]) -> Iterator[bytes]:
        for record in records:
            ms = moment_of(record)
            if not self.leaves:
                self.min_ts, self.min_ms, self.max_ms = record.ts, ms, ms
            self.max_ts = record.ts
            self.min_ms, self.max_ms = min(self.min_ms, ms), max(self.max_ms, ms)
            self.leaves.append(merkle.leaf_hash(leaf_of(record)))
            yield _encode(record)


def _moment(reader: SpoolReader, hour: int) -> datetime:
    try:
        return datetime.fromtimestamp(hour * 3600, UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        raise Corrupt(f"spool {reader.path.name}: a call is at no time") from None


def moment_of(record: CallRecord) -> int:
    """Return the milliseconds that a call's id names, or its time if it names none."""
    try:
        return split_call_id(record.call_id)[1]
    except Invalid:
        return record.ts // 1000


def digest_file(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file in hex, and its size in bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


def entry_of(draft: Segment) -> Entry:
    """Return the audit entry that says what was sealed."""
    files = {
        name: {"sha256": file.sha256, "bytes": file.bytes}
        for name, file in draft.files().items()
    }
    detail = {"root": draft.root, "rows": draft.rows, "files": files}
    times = {"first": draft.min_ts, "last": draft.max_ts, "spool": draft.spool}
    return Entry(str(SYSTEM), ACTION, f"Segment/{draft.id}", "done", detail | times)


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
