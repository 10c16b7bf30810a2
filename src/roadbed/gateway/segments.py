"""The catalog of sealed segments: which calls lie in which files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from roadbed.audit.tables import entries
from roadbed.core.errors import Corrupt, NotFound
from roadbed.gateway.tables import segment_files, segments

ACTION = "calls.seal"
_AT_ONCE = 500
_COLUMNS = tuple(column.name for column in segments.c if column.name != "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """One Parquet file: its path below the root of the history, and its content."""

    path: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The sealed calls of one spool and one hour; never changed.

    `root` is the Merkle root over the calls' leaves in the order of
    (ts, call_id), `audit_seq` the audit entry that holds it: 0 while that waits for
    its place in the log.
    """

    id: str
    spool: str
    region: str
    day: str
    hour: int
    min_ts: int
    max_ts: int
    min_ms: int
    max_ms: int
    rows: int
    root: str
    schema_version: int
    sealed_us: int
    audit_seq: int = field(default=0, compare=False)
    calls: SegmentFile
    payloads: SegmentFile | None = None

    def files(self) -> dict[str, SegmentFile]:
        """Return the files by dataset."""
        both = {"calls": self.calls, "payloads": self.payloads}
        return {name: file for name, file in both.items() if file is not None}


def add_segment(connection: sa.Connection, segment: Segment) -> None:
    """Write *segment* into the catalog, in the caller's transaction."""
    row = {name: getattr(segment, name) for name in _COLUMNS}
    connection.execute(segments.insert().values(**row, state="live"))
    for dataset, file in segment.files().items():
        values = {name: getattr(file, name) for name in file.__slots__}
        connection.execute(
            segment_files.insert().values(
                segment_id=segment.id, dataset=dataset, **values
            )
        )


def get_segment(connection: sa.Connection, segment_id: str) -> Segment:
    """Return one segment; raise NotFound if there is none."""
    found = _segments(connection, segments.c.id == segment_id)
    if not found:
        raise NotFound(f"no segment is called {segment_id!r}")
    return found[0]


def segments_of(connection: sa.Connection, spool: str) -> list[Segment]:
    """Return the segments that *spool* was sealed to; none if it was not."""
    return _segments(connection, segments.c.spool == spool)


def segments_with(connection: sa.Connection, region: str, ms: int) -> list[Segment]:
    """Return the segments that may hold a call whose id names *region* and *ms*."""
    return _segments(
        connection,
        sa.and_(
            segments.c.region == region,
            segments.c.min_ms <= ms,
            segments.c.max_ms >= ms,
        ),
    )


def segments_between(
    connection: sa.Connection,
    since_us: int | None,
    until_us: int | None,
    page: tuple[int, int] | None = None,
) -> list[Segment]:
    """Return the segments with calls in a stretch of time, the newest first.

    *page* is how many to pass over, and how many to return.
    """
    where = sa.true()
    if since_us is not None:
        where = sa.and_(where, segments.c.max_ts >= since_us)
    if until_us is not None:
        where = sa.and_(where, segments.c.min_ts < until_us)
    return _segments(connection, where, page)


def newest_place(connection: sa.Connection) -> int:
    """Return the number of the newest audit entry, 0 if there is none."""
    return connection.execute(sa.select(sa.func.max(entries.c.seq))).scalar() or 0


def segments_placed(
    connection: sa.Connection, after: int, until: int
) -> Iterator[Segment]:
    """Yield what was sealed by audit entries after one and up to another, in order.

    Places in the log are given out one by one, so that none comes to be filled below
    one that was seen. A seal that commits late is not passed over, as it is by time.
    """
    log = entries.c
    query = sa.select(log.resource).where(
        log.seq > after, log.seq <= until, log.action == ACTION
    )
    names = list(connection.execute(query.order_by(log.seq)).scalars())
    ids = [name.removeprefix("Segment/") for name in names]
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        found = {s.id: s for s in _segments(connection, segments.c.id.in_(some))}
        yield from (found[each] for each in some if each in found)


def _segments(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    page: tuple[int, int] | None = None,
) -> list[Segment]:
    live = sa.and_(segments.c.state == "live", where)
    order = (segments.c.max_ts.desc(), segments.c.id)
    query = sa.select(segments, _audit_seq()).where(live).order_by(*order)
    if page is not None:
        query = query.offset(page[0]).limit(page[1])
    rows = connection.execute(query).all()
    files = _files(connection, [row.id for row in rows])
    return [_segment(row, files.get(row.id, {})) for row in rows]


def _audit_seq() -> sa.ColumnElement[int]:
    """Return the number of the first entry that says that the segment was sealed."""
    log = entries.c
    first = sa.select(sa.func.min(log.seq)).where(
        log.resource == "Segment/" + segments.c.id, log.action == ACTION
    )
    return sa.func.coalesce(first.scalar_subquery(), 0).label("audit_seq")


def _files(
    connection: sa.Connection, ids: list[str]
) -> dict[str, dict[str, SegmentFile]]:
    found: dict[str, dict[str, SegmentFile]] = {}
    for at in range(0, len(ids), _AT_ONCE):
        wanted = segment_files.c.segment_id.in_(ids[at : at + _AT_ONCE])
        for row in connection.execute(sa.select(segment_files).where(wanted)):
            values = {name: getattr(row, name) for name in SegmentFile.__slots__}
            found.setdefault(row.segment_id, {})[row.dataset] = SegmentFile(**values)
    return found


def _segment(row: Any, files: dict[str, SegmentFile]) -> Segment:
    if "calls" not in files:
        raise Corrupt(f"the catalog names no file for the calls of segment {row.id}")
    values = {name: getattr(row, name) for name in (*_COLUMNS, "audit_seq")}
    return Segment(**values, calls=files["calls"], payloads=files.get("payloads"))
