"""Calls of the log as a file to replay answers from: for `roadbed calls export`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import roadbed.dialects
from roadbed.access.visible import Viewer
from roadbed.control import seen
from roadbed.control.targets import call_target
from roadbed.core import plugins
from roadbed.core.digest import digest
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery, cursor
from roadbed.gateway.replayable import Read, replayable
from roadbed.inference.record import CallRecord
from roadbed.inference.recorded import RecordedCall, line_of

PAGE = 200
DIALECTS = "roadbed.dialects"


@dataclass(slots=True)
class Export:
    """The lines, oldest first, and how many calls were left out: they have no line."""

    lines: list[bytes] = field(default_factory=list)
    left_out: int = 0

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return b"".join(self.lines)

    @property
    def digest(self) -> str:
        """What pins the file."""
        return digest(self.data)


def export(viewer: Viewer, log: CallLog, query: CallQuery) -> Export:
    """Return the calls that match and whose payload the viewer may read, as lines.

    At most `query.limit` calls are looked at, the newest ones.
    """
    readers, done = _readers(), Export()
    for record in _records(viewer, log, query):
        call = _line(viewer, log, record, readers)
        if call is None:
            done.left_out += 1
        else:
            done.lines.append(line_of(call))
    done.lines.reverse()
    return done


def _line(
    viewer: Viewer, log: CallLog, record: CallRecord, readers: Mapping[str, Read]
) -> RecordedCall | None:
    read = readers.get(record.dialect)
    if read is None or not viewer.may("call.read-payload", call_target(record)):
        return None
    return replayable(log.find(record.call_id, viewer.principal.tenant), read)


def _records(viewer: Viewer, log: CallLog, query: CallQuery) -> Iterator[CallRecord]:
    left, before = query.limit, query.before
    while left > 0:
        size = min(left, PAGE)
        asked = replace(query, limit=size, before=before, copies=False)
        page = seen.calls(viewer, log, asked)
        yield from page
        if len(page) < asked.limit:
            return
        left, before = left - len(page), cursor(page[-1])


def _readers() -> dict[str, Read]:
    """Return how each dialect that callers speak is read, by its name."""
    modules = (
        plugins.find(roadbed.dialects, DIALECTS, name)
        for name in plugins.names(roadbed.dialects, DIALECTS)
    )
    spoken = (getattr(module, "SPOKEN", None) for module in modules)
    return {each.name: each.read for each in spoken if each is not None}
