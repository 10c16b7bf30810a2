from datetime import UTC, datetime, timedelta

import pytest

from roadbed.registry.runs import Runs


class Ticking:
    """A clock that moves on by a second whenever it is asked."""

    def __init__(self):
        self.at = datetime(2026, 11, 20, 10, tzinfo=UTC)

    def now(self):
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture
def runs(database):
    return Runs(database, Ticking())
