"""The call log: what lies in the spools of this host and in the sealed history, as one.

A spool is read before the catalog. So a call that is sealed meanwhile is seen
twice rather than not at all, and then counted once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from roadbed.audit.sequencer import catch_up
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Corrupt, NotFound, NotReady, RoadbedError
from roadbed.core.ids import split_call_id
from roadbed.database.engine import Database
from roadbed.gateway.erasing import strip
from roadbed.gateway.history import (
    CallQuery,
    History,
    Span,
    Spend,
    Tally,
    cursor,
    read_cursor,
)
from roadbed.gateway.proof import CallProof, examine, in_order, prove
from roadbed.gateway.reader import SpoolReader, spools_in
from roadbed.gateway.segments import (
    Segment,
    get_segment,
    segments_between,
    segments_with,
)
from roadbed.gateway.series import Point, points
from roadbed.gateway.spool import SUFFIX
from roadbed.inference.record import CallRecord, Payload

FIRST_FILES = 16
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A call, what was said if it was kept, and the segment if it is sealed."""

    record: CallRecord
    payload: Payload | None = None
    segment: Segment | None = None


class CallLog:
    """Reads every call of this host, and every sealed call of the database.

    *spools* is the spool folder, *root* the folder that the history lies in.
    Spools and files that cannot be read are left out, and `unreadable` names
    them with the reason.
    """

    def __init__(
        self, spools: Path, database: Database, history: History, root: Path
    ) -> None:
        self._spools = spools
        self._database = database
        self._history = history
        self._root = root
        self.unreadable: dict[str, str] = {}

    def find(self, call_id: str, tenant: str = "") -> Found:
        """Return one call; NotFound if there is none, Invalid for another text.

        With a *tenant*, a call of another one is not there, and takes as long to miss.
        """
        split_call_id(call_id)  # Raises Invalid for what is no id at all.
        for found in self._live(lambda reader: reader.find(call_id)).values():
            if found is not None and _is_of(found[0], tenant):
                return Found(record=found[0], payload=found[1])
        return self._find_sealed(call_id, tenant)

    def search(self, query: CallQuery) -> list[CallRecord]:
        """Return the calls that match, newest first.

        `query.before` is the cursor of a call or its id; raises NotFound if no
        call of that tenant has that id.
        """
        query = self._with_cursor(query)
        found: dict[str, CallRecord] = {}
        for records in self._live(lambda reader: reader.search(query)).values():
            found |= {record.call_id: record for record in records}
        for chunk in self._chunks(query):
            if _enough(found.values(), query.limit, chunk[0].max_ts):
                break
            found |= {r.call_id: r for r in self._search(chunk, query)}
        return _newest(found.values(), query.limit)

    def series(
        self, span: Span, keep: Callable[[Tally], bool] = lambda _: True
    ) -> list[Point]:
        """Return calls, errors and latencies by endpoint, in the steps of *span*.

        Steps begin at multiples of their length since 1970; those without calls are
        absent. Calls whose facts *keep* does not want are not counted.
        """
        tallies = self._counted(
            span,
            lambda reader: reader.tally(span),
            lambda files: self._history.tally(files, span),
        )
        return points(filter(keep, tallies))

    def spend(
        self,
        span: Span,
        label: str = "",
        keep: Callable[[Spend], bool] = lambda _: True,
    ) -> list[Spend]:
        """Return what the calls of *span* cost, by what tells them apart.

        Calls whose facts *keep* does not want are not counted.
        """
        found = self._counted(
            span,
            lambda reader: reader.spend(span, label),
            lambda files: self._history.spend(files, span, label),
        )
        return [spend for spend in found if keep(spend)]

    def _counted(
        self,
        span: Span,
        live: Callable[[SpoolReader], list[_T]],
        sealed: Callable[[Sequence[Path]], list[_T]],
    ) -> list[_T]:
        """Return what spools and segments say of *span*, each call once."""
        spools = self._live(live)
        with self._database.read() as connection:
            known = segments_between(connection, span.since_us, span.until_us)
        twice = {segment.spool for segment in known}
        found = [t for name, some in spools.items() if name not in twice for t in some]
        return found + self._sealed(known, sealed)

    def prove(self, call_id: str) -> CallProof:
        """Return the proof that a call is in its segment, and the segment's entry.

        Raises NotReady for a call that is not sealed yet, Corrupt if the segment
        is not what was sealed.
        """
        catch_up(self._database)
        found = self.find(call_id)
        if found.segment is None:
            raise NotReady(
                f"call {call_id} is not sealed yet",
                hint="spools are sealed every minute, and when the server stops",
            )
        records = self._history.records(self._path(found.segment))
        return prove(found.segment, records, call_id)

    def verify_segment(self, segment_id: str) -> tuple[str, ...]:
        """Return what is wrong with a segment, in words; nothing if all is well.

        Reads its files again, and compares their digests, the calls' Merkle root
        and the payloads' commitments with the catalog and the audit entry.
        """
        with self._database.read() as connection:
            segment = get_segment(connection, segment_id)
            return examine(connection, segment, self._history, self._root)

    def strip(self, calls: Iterable[Found]) -> None:
        """Remove the payloads of sealed *calls* from their files.

        Whoever does this has written the tombstones. Raises Corrupt or NotFound for
        a file that cannot be read.
        """
        found: dict[str, tuple[Segment, list[str]]] = {}
        for each in calls:
            if each.segment is not None:
                _, ids = found.setdefault(each.segment.id, (each.segment, []))
                ids.append(each.record.call_id)
        for segment, ids in found.values():
            strip(self._history, self._root, segment, ids)

    def segments(
        self, since_us: int | None = None, until_us: int | None = None
    ) -> list[Segment]:
        """Return the sealed segments of a stretch of time, newest first."""
        with self._database.read() as connection:
            return segments_between(connection, since_us, until_us)

    def _find_sealed(self, call_id: str, tenant: str) -> Found:
        region, ms = split_call_id(call_id)
        with self._database.read() as connection:
            candidates = segments_with(connection, region, ms)
        trouble: RoadbedError | None = None
        for segment in candidates:
            try:
                record = self._history.find(self._path(segment), call_id)
                if record is not None and _is_of(record, tenant):
                    payload = self._payload(segment, call_id)
                    return Found(record=record, payload=payload, segment=segment)
            except (Corrupt, NotFound) as error:
                trouble = error
        raise trouble or _unknown(call_id)

    def _payload(self, segment: Segment, call_id: str) -> Payload | None:
        if segment.payloads is None:
            return None
        return self._history.payload(self._root / segment.payloads.path, call_id)

    def _with_cursor(self, query: CallQuery) -> CallQuery:
        if not query.before or "~" in query.before:
            return query
        last = self.find(query.before, query.tenant).record
        return replace(query, before=cursor(last))

    def _live(self, ask: Callable[[SpoolReader], _T]) -> dict[str, _T]:
        """Return what each spool answers, by its name."""
        answers: dict[str, _T] = {}
        self._forget_spools_that_are_gone()
        for path in spools_in(self._spools):
            # Gone: then its calls are in the catalog, which is read next.
            with self._noting(path), suppress(NotFound), SpoolReader(path) as reader:
                answers[path.name] = ask(reader)
        return answers

    def _chunks(self, query: CallQuery) -> Iterator[list[Segment]]:
        """Yield the segments that may matter, newest first, in growing pieces."""
        size, at = FIRST_FILES, 0
        while True:
            with self._database.read() as connection:
                chunk = segments_between(
                    connection, query.since_us, _end(query), page=(at, size)
                )
            if not chunk:
                return
            yield chunk
            at, size = at + size, size * 4

    def _search(self, chunk: Sequence[Segment], query: CallQuery) -> list[CallRecord]:
        return self._sealed(chunk, lambda files: self._history.search(files, query))

    def _sealed(
        self,
        segments: Sequence[Segment],
        ask: Callable[[Sequence[Path]], list[_T]],
    ) -> list[_T]:
        """Ask all files at once; if one of them is bad, ask each by itself."""
        files = [self._path(segment) for segment in segments]
        try:
            answers = ask(files)
            for file in files:
                self.unreadable.pop(file.name, None)
            return answers
        except (Corrupt, NotFound):
            answers = []
            for file in files:
                with self._noting(file):
                    answers += ask([file])
            return answers

    def _path(self, segment: Segment) -> Path:
        return self._root / segment.calls.path

    def _forget_spools_that_are_gone(self) -> None:
        for name in list(self.unreadable):
            if name.endswith(SUFFIX) and not (self._spools / name).exists():
                self.unreadable.pop(name, None)

    def _noting(self, path: Path) -> "_Noting":
        return _Noting(self.unreadable, path.name)


class _Noting:
    """A context in which a file that cannot be read is noted and passed over."""

    def __init__(self, notes: dict[str, str], name: str) -> None:
        self._notes = notes
        self._name = name

    def __enter__(self) -> None:
        self._notes.pop(self._name, None)

    def __exit__(self, _type: object, error: BaseException | None, _tb: object) -> bool:
        if isinstance(error, Corrupt | NotReady | NotFound):
            self._notes[self._name] = error.message
            return True
        return False


def _is_of(record: CallRecord, tenant: str) -> bool:
    return not tenant or (record.tenant or DEFAULT_TENANT) == tenant


def _unknown(call_id: str) -> NotFound:
    return NotFound(
        f"no call {call_id} is on record",
        hint="look at the id; calls of other hosts appear when they are sealed",
    )


def _end(query: CallQuery) -> int | None:
    """Return the time before which the wanted calls lie, as far as it is known."""
    before = read_cursor(query.before)[0] + 1 if query.before else None
    ends = [end for end in (query.until_us, before) if end is not None]
    return min(ends, default=None)


def _enough(found: Iterable[CallRecord], limit: int, max_ts: int) -> bool:
    """Say whether no call up to *max_ts* can be among the newest *limit*."""
    return sum(record.ts > max_ts for record in found) >= limit


def _newest(found: Iterable[CallRecord], limit: int) -> list[CallRecord]:
    return in_order(found)[::-1][:limit]
