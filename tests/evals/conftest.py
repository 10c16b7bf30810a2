from datetime import UTC, datetime

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.data.datasets import Datasets


class StoppedClock:
    def now(self):
        return datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def datasets(database, clock, tmp_path):
    blobs = LocalBlobs(tmp_path / "blobs")
    return Datasets(database, blobs, clock, DuckdbTables(rows_per_part=40))
