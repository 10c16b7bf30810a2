"""A state directory with all that the call log needs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.core.clock import SystemClock
from roadbed.database.engine import Database
from roadbed.gateway.adopt import Adopter
from roadbed.gateway.alerts import list_alerts
from roadbed.gateway.calls import CallLog
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.recorder import Limits, Recorder
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.testing.history_contract import a_call

HISTORY = DuckDBHistory()


@dataclass
class Yard:
    """One state directory, and what works in it."""

    state: Path
    database: Database

    def __post_init__(self):
        self.spools = self.state / "spool"
        self.spools.mkdir(parents=True)
        self.root = self.state / "history"
        self.sealer = Sealer(self.database, HISTORY, self.root, SystemClock())
        self.log = CallLog(self.spools, self.database, HISTORY, self.root)
        self.raised = []
        self.adopter = Adopter(
            self.spools, self.state / "quarantine", self.sealer, self.raised.append
        )

    def spool(self, *calls, process="host-dead", seq=1):
        """Write a closed spool; calls are (record, payload)."""
        spool = Spool(self.spools / name_of(process, seq))
        spool.append([encode(*call) for call in calls])
        spool.close()
        return spool.path

    def sealed(self, *numbers):
        """Seal one spool with the calls of these numbers; return the first segment."""
        spool = self.spool(*map(a_call, numbers), seq=numbers[0] + 1)
        return self.sealer.seal(spool)[0]

    def recorder(self, process="host-live", adopt_every_s=15.0, **limits):
        keeper = Keeper(self.state, self.sealer, process, adopt_every_s=adopt_every_s)
        return Recorder(keeper, Limits(**limits))

    def left(self):
        return sorted(path.name for path in self.spools.iterdir())

    def alerts(self):
        with self.database.read() as connection:
            return [alert.code for alert in list_alerts(connection)]


@pytest.fixture
def yard(tmp_path, sqlite_database):
    return Yard(tmp_path / "state", sqlite_database)


@pytest.fixture
def both_yards(tmp_path, database):
    """The same, once per database engine."""
    return Yard(tmp_path / "state", database)
