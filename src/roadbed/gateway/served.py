"""Silent change: a provider that serves something else than it said before.

A pin is only as good as the provider's word. So the name that comes with an answer is
compared with the one that came before from the same provider for the same version. On
the path of a call that is one look-up; what is new is written down by a chore.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.gateway.alerts import Alert, clear_others, raise_alert
from roadbed.gateway.tables import served
from roadbed.inference.call import Call
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Snapshot

CODE = "served.changed"
SHOWN_US = 14 * 24 * 3600 * 1_000_000
"""How long a change is shown, if nobody pins another version before."""

LOOK_US = 60 * 1_000_000
"""How often it is seen whether a change is still to be shown."""


class Place(NamedTuple):
    """A model version, such as `support-bot@7`, at a provider."""

    model: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider said that it serves, in which call and when."""

    served: str
    call_id: str
    at_us: int


class ServedWatch:
    """Notices when what is served for a version changes, on any replica."""

    def __init__(
        self,
        database: Database,
        snapshot: Callable[[], Snapshot | None],
        now_us: Callable[[], int],
    ) -> None:
        self._database = database
        self._snapshot = snapshot
        self._now_us = now_us
        self._known: dict[Place, str] = {}
        self._new: dict[Place, Said] = {}
        self._due_us = 0

    def watch(self, call: Call, record: CallRecord) -> None:
        """Note what a call was answered by. At once, without I/O."""
        if not record.served or record.status != "ok" or record.cache:
            return
        place = _answered(call, record)
        if self._known.get(place) != record.served:
            self._known[place] = record.served
            said = Said(served=record.served, call_id=record.call_id, at_us=record.ts)
            self._new[place] = said

    def look(self) -> None:
        """Write down what is new, raise alerts for what changed, and clear old ones."""
        taken = {place: self._new.pop(place) for place in list(self._new)}
        try:
            self._settle(taken)
        except Exception:
            # Whoever runs this chore tells of it; what was taken is tried again.
            for place, said in taken.items():
                self._new.setdefault(place, said)
            raise

    def _settle(self, taken: dict[Place, Said]) -> None:
        now_us = self._now_us()
        if not taken and now_us < self._due_us:
            return
        with self._database.write() as connection:
            for place, said in taken.items():
                _write(connection, place, said)
            open_ones = list(self._changes(connection))
            for alert in open_ones:
                raise_alert(connection, alert, alert.at_us)
            kept = [alert.message for alert in open_ones]
            clear_others(connection, CODE, kept, now_us)
        self._due_us = now_us + LOOK_US

    def _changes(self, connection: sa.Connection) -> Iterator[Alert]:
        """Yield an alert for each change that is young, of a version still pinned."""
        since = self._now_us() - SHOWN_US
        rows = sa.select(served).where(served.c.before != "", served.c.since_us > since)
        pinned = _pinned(self._snapshot())
        for row in connection.execute(rows):
            if Place(row.model, row.provider) in pinned:
                yield _alert(row)


def _answered(call: Call, record: CallRecord) -> Place:
    """Return whose answer it was: the one attempt that succeeded, if they are known."""
    given = call.answered
    if given is not None:
        return Place(given.model, given.provider)
    return Place(record.model, record.provider)


def _pinned(snapshot: Snapshot | None) -> set[Place]:
    deployments = snapshot.deployments.values() if snapshot else ()
    return {
        Place(str(choice.version), upstream.provider)
        for deployment in deployments
        for choice in deployment.loaded
        for upstream in choice.upstreams
    }


def _write(connection: sa.Connection, place: Place, said: Said) -> None:
    """Bring the row of *place* up to date, if what was said is news."""
    here = sa.and_(served.c.model == place.model, served.c.provider == place.provider)
    row = connection.execute(sa.select(served).where(here)).one_or_none()
    values = {"served": said.served, "call_id": said.call_id, "since_us": said.at_us}
    if row is None:
        first = {"model": place.model, "provider": place.provider, "before": ""}
        connection.execute(served.insert().values(first | values))
    elif row.served != said.served and said.at_us >= row.since_us:
        values["before"] = row.served
        connection.execute(served.update().where(here).values(values))


def _alert(row: sa.Row) -> Alert:
    return Alert(
        code=CODE,
        message=f"{row.model} is answered by another model of provider "
        f"{row.provider} than before",
        at_us=row.since_us,
        detail={"before": row.before, "served": row.served, "call": row.call_id},
    )
