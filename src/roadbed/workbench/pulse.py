"""Says again and again that a run is alive, until it ends."""

import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.clock import Clock, to_us
from roadbed.database.engine import Database
from roadbed.registry.leases import BEAT_S, beat, holder


class Pulse:
    """A thread that renews the lease of one run."""

    def __init__(self, database: Database, clock: Clock, run_id: str) -> None:
        self._database = database
        self._clock = clock
        self._run_id = run_id
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._renew, name=f"roadbed-run-{run_id}", daemon=True
        )

    def begin(self) -> "Pulse":
        """Renew the lease now, and from now on."""
        self.beat()
        self._thread.start()
        return self

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join(timeout=BEAT_S)

    def beat(self) -> None:
        """Renew the lease once."""
        with self._database.write() as connection:
            beat(connection, self._run_id, holder(), to_us(self._clock.now()))

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_S):
            _unless_away(self.beat)


def _unless_away(work: Callable[[], None]) -> None:
    """Do *work*; while the database is away the training goes on, and so do we."""
    try:
        work()
    except SQLAlchemyError:
        return
