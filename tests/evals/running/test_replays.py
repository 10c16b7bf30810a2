"""A model that changes behind its name is found, and one that does not is not."""

import pytest
import sqlalchemy as sa

from roadbed.evals.running import store
from roadbed.evals.running.tables import runs
from roadbed.gateway.alerts import list_alerts
from roadbed.server.evaluating.replays import CHANGED, HOUR_US, Replays
from tests.evals.running.line import Quiz, endpoint, evaluation, model

DAY_US = 24 * HOUR_US
WATCH = "watch: {account: tester, every_hours: 1, cases: 60}\n"


@pytest.fixture
def replays(line):
    line.golden(100)
    line.apply(model(90), endpoint(), evaluation(more=WATCH))
    made = Replays(Later(line.app))
    yield made
    made.wait(60)


class Later:
    """A line that is some hours on."""

    def __init__(self, app):
        self._app, self.hours = app, 0
        self._first_us = app.now_us()  # a span of the clock's own does not end within

    def __getattr__(self, name):
        return getattr(self._app, name)

    def now_us(self):
        tomorrow_us = (self._first_us // DAY_US + 1) * DAY_US + int(
            self.hours * HOUR_US
        )
        return tomorrow_us + self._app.now_us() - self._first_us


def look(replays, hours=0):
    replays._app.hours += hours
    replays.look()
    replays.wait(60)


def alerts(line):
    with line.app.database.read() as connection:
        return [a for a in list_alerts(connection) if a.code == CHANGED]


def test_the_cases_are_asked_once_in_each_span_and_only_so_many(line, replays):
    look(replays)
    assert len(Quiz.asked) == 120  # the answers to hold others against, and a draw
    look(replays)
    another = Replays(replays._app)
    another.look()
    another.wait(60)
    assert len(Quiz.asked) == 120
    look(replays, hours=1)
    assert len(Quiz.asked) == 180
    assert alerts(line) == []


def test_what_was_done_is_not_begun_again_every_minute(replays, monkeypatch):
    begun, replay = [], replays.replay

    def counted(state, due):
        begun.append(due.bucket)
        return replay(state, due)

    monkeypatch.setattr(replays, "replay", counted)
    for hours in (0, 0, 0, 1):
        look(replays, hours)

    assert len(begun) == 2
    assert begun[1] == begun[0] + 1


def test_a_replay_that_failed_is_begun_again(line, replays, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(replays, "_held", None)
        look(replays)
    assert len(Quiz.asked) == 60
    look(replays)
    assert len(Quiz.asked) == 60  # not again every minute
    replays._app.hours += 0.5
    look(replays)

    assert len(Quiz.asked) == 120  # the answers of before are kept


def test_a_replay_whose_replica_is_gone_is_begun_again_after_an_hour(line, replays):
    daily = WATCH.replace("every_hours: 1", "every_hours: 24")
    line.apply(model(90), endpoint(), evaluation(more=daily))
    look(replays)
    with line.app.database.write() as connection:
        connection.execute(runs.update().values(status="replaying"))
    found = []
    for hours in (0, 2):
        look(Replays(replays._app), hours)
        with line.app.database.read() as connection:
            found += connection.execute(sa.select(runs.c.status)).scalars()

    assert found == ["replaying", "replayed"]


def test_whoever_was_thought_to_be_gone_ends_nobody_elses_replay(line, replays):
    look(replays)
    with line.app.database.write() as connection:
        [mine] = store.newest_runs(connection, "exam", "default", 1)
        later = {"status": "replaying", "started_us": mine.started_us + 1}
        connection.execute(runs.update().values(later))
        store.end(connection, mine)
        [theirs] = store.newest_runs(connection, "exam", "default", 1)

    assert (mine.status, theirs.status) == ("replayed", "replaying")


def test_a_model_that_answers_otherwise_raises_an_alert_until_it_is_as_before(
    line, replays, monkeypatch
):
    look(replays)
    monkeypatch.setattr(Quiz, "says", "It is not for me to say; ask again.")
    look(replays, hours=1)
    [alert] = alerts(line)
    assert alert.message == "pupil@1 on school answers otherwise than it did"
    assert "the answers to 60 prompts changed" in alert.detail["finding"]

    monkeypatch.setattr(Quiz, "says", "")
    look(replays, hours=1)
    assert alerts(line) == []


def test_answers_that_become_wrong_in_the_same_manner_are_found_by_their_grades(
    line, replays, monkeypatch
):
    look(replays)
    swapped = str.maketrans("0123456789", "9876543210")
    monkeypatch.setattr(
        Quiz, "twist", staticmethod(lambda text: text.translate(swapped))
    )
    look(replays, hours=1)
    [alert] = alerts(line)
    assert "right 0.8" in alert.detail["finding"]
    assert " to 0 (p < 0.001)" in alert.detail["finding"]
    assert alert.detail["finding"].count("(p") == 1, "nothing else moved"
