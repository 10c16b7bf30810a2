"""A provider that silently serves something else: noticed once, on any replica."""

import pytest
import sqlalchemy as sa

from roadbed.core.clock import to_us
from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate
from roadbed.gateway.alerts import list_alerts
from roadbed.gateway.served import CODE, ServedWatch
from roadbed.inference.call import Attempt
from roadbed.inference.snapshot import Snapshot
from roadbed.testing.fakes import FixedClock
from tests.gateway.test_spans import a_record
from tests.inference.calls import AllowAll, a_call, deployment


class Line:
    """A database, a clock, and replicas that pin version 1 of m at provider p."""

    def __init__(self, database):
        self.database, self.clock = database, FixedClock()
        self.pinned = {"e": deployment()}

    def snapshot(self):
        return Snapshot(
            revision=1,
            digest="",
            authority=AllowAll(),
            credentials={},
            deployments=self.pinned,
        )

    def replica(self):
        return ServedWatch(
            self.database, self.snapshot, lambda: to_us(self.clock.now())
        )

    def answer(self, watch, served, **fields):
        """Let a call end that was answered by *served*; then let the chore look."""
        self.clock.advance(seconds=1)
        plain = {"model": "m@1", "provider": "p", "served": served}
        record = a_record(ts=to_us(self.clock.now()), **(plain | fields))
        watch.watch(a_call(deployment()), record)
        watch.look()

    def alerts(self):
        with self.database.read() as connection:
            return [a for a in list_alerts(connection) if a.code == CODE]


@pytest.fixture
def line(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    migrate(database)
    yield Line(database)
    database.close()


def test_what_stays_the_same_is_no_news(line):
    watch = line.replica()
    for _ in range(5):
        line.answer(watch, "gpt-a")

    assert line.alerts() == []


def test_a_change_is_told_once_with_what_was_and_what_is(line):
    watch = line.replica()
    for served in ("gpt-a", "gpt-b", "gpt-b", "gpt-b"):
        line.answer(watch, served, call_id=f"local-{served}")
    (alert,) = line.alerts()

    assert "m@1" in alert.message
    assert alert.detail == {"before": "gpt-a", "served": "gpt-b", "call": "local-gpt-b"}


def test_a_change_while_nobody_served_is_noticed_by_the_next_replica(line):
    line.answer(line.replica(), "gpt-a")
    line.answer(line.replica(), "gpt-b")

    assert len(line.alerts()) == 1


def test_a_provider_that_goes_to_and_fro_makes_one_alert(line):
    watch = line.replica()
    for number in range(20):
        line.answer(watch, f"gpt-{number % 2}")
    (alert,) = line.alerts()

    assert alert.detail["served"] == "gpt-1"


def test_each_provider_is_compared_with_itself(line):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    line.answer(watch, "claude-b", provider="q")
    line.answer(watch, "gpt-c", model="m@2")

    assert line.alerts() == []


def test_a_fallback_is_compared_with_itself(line):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    call = a_call(deployment())
    call.attempts = [
        Attempt(model="m@1", provider="p", status="provider_timeout"),
        Attempt(model="small@1", provider="q", status="ok"),
    ]
    watch.watch(call, a_record(model="m@1", provider="p", served="small-x"))
    watch.look()

    assert line.alerts() == []


@pytest.mark.parametrize(
    "fields", [{"status": "truncated"}, {"cache": "hit"}, {"served": ""}]
)
def test_what_no_provider_said_just_now_says_nothing(line, fields):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    line.answer(watch, fields.pop("served", "gpt-b"), **fields)

    assert line.alerts() == []


def test_it_is_over_when_nobody_pins_the_version(line):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    line.answer(watch, "gpt-b")
    line.pinned = {}
    line.clock.advance(seconds=61)
    watch.look()

    assert line.alerts() == []


def test_it_is_over_after_two_weeks(line):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    line.answer(watch, "gpt-b")
    line.clock.advance(days=13)
    watch.look()
    still = len(line.alerts())
    line.clock.advance(days=2)
    watch.look()

    assert (still, line.alerts()) == (1, [])


def test_what_the_database_did_not_take_is_written_later(line):
    watch = line.replica()
    line.answer(watch, "gpt-a")
    with line.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE served RENAME TO away"))
    with pytest.raises(sa.exc.OperationalError):
        line.answer(watch, "gpt-b")
    with line.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO served"))
    watch.look()

    assert len(line.alerts()) == 1


def test_a_quiet_line_is_not_written_to(line):
    watch = line.replica()
    watch.look()
    line.database.close()

    assert watch.look() is None
