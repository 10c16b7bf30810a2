"""What audit tests share: a signer, a log, and a way to fill it."""

from datetime import UTC, datetime, timedelta

import pytest

from roadbed.audit.entry import Entry
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.audit.signer import Signer
from roadbed.audit.verify import verify_database


class Ticking:
    """A clock that moves one second each time it is read."""

    def __init__(self):
        self._now = datetime(2026, 11, 20, 10, tzinfo=UTC)

    def now(self):
        self._now += timedelta(seconds=1)
        return self._now


@pytest.fixture
def signer(tmp_path):
    return Signer.load_or_create(tmp_path / "keys" / "audit.key")


@pytest.fixture
def copies(tmp_path):
    return tmp_path / "copies"


@pytest.fixture
def log(database, signer, copies):
    """A log over each engine in turn."""
    return AuditLog(database, signer, Ticking(), copies)


@pytest.fixture
def small(sqlite_database, signer, copies):
    """A log over SQLite, where one engine is enough."""
    return AuditLog(sqlite_database, signer, Ticking(), copies)


def check(database, copies, signer):
    """Return the report on the log as it stands."""
    return verify_database(database, copies, signer.public_key)


def change(number, **detail):
    """Return an entry for a change of endpoint *number*."""
    name = f"Endpoint/e{number}"
    return Entry("service-account:ci", "stack.apply", name, detail=detail)


def fill(log, *, entries, every):
    """Append *entries* entries one by one and sign after each *every* of them.

    All are in the log afterwards, signed or not.
    """
    for number in range(1, entries + 1):
        log.record(change(number, weight=number))
        if number % every == 0:
            log.checkpoint()
    log.search(AuditQuery(limit=1))
