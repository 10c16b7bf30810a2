"""What a version served, and when, is what rollouts made of the pins."""

import pytest

from roadbed.control.evaluations import in_service
from roadbed.control.preview import Preview
from roadbed.control.questions.lineage import pinned
from roadbed.control.questions.standing import status_of
from roadbed.control.rollouts import roll_back
from roadbed.control.state import current
from roadbed.core.clock import to_us
from roadbed.core.reference import parse
from roadbed.rollouts import store
from roadbed.rollouts.decide import decide
from roadbed.rollouts.evidence import Evidence
from tests.control.test_apply import ME
from tests.control.test_rolling import CANARY, Line

OTHER, ROLLOUTS = "user:b", "system:rollouts"


class Hours(Line):
    """The same desk, where an hour passes between any two changes."""

    def pin(self, *given):
        self.desk.clock.advance(hours=1)
        return super().pin(*given)

    def goes_on(self):
        """Let the newest rollout move to where it goes by itself."""
        self.desk.clock.advance(hours=1)
        now_us = to_us(self.desk.clock.now())
        with self.desk.database.write() as connection:
            now = store.newest(connection, "bot")
            seen = Evidence(ready=1.0, back=1.0)
            after = decide(now.plan, now.state, seen, now_us / 1e6)
            store.change(connection, now, after, ROLLOUTS, {}, now_us)

    def goes_back(self):
        self.desk.clock.advance(hours=1)
        with self.desk.database.write() as connection:
            roll_back(connection, "bot", "bad", OTHER, to_us(self.desk.clock.now()))

    def told(self, number):
        """Return the word, and the hours of each term with who made and ended it."""
        with self.desk.database.read() as connection:
            status = status_of(connection, parse(f"bot@{number}"))
        at = [
            None if us is None else (us - self.began_us) // 3_600_000_000
            for term in status.terms
            for us in (term.since_us, term.until_us)
        ]
        who = [(term.by, term.ended_by, term.instead) for term in status.terms]
        return status.word, list(zip(at[::2], at[1::2], strict=True)), who

    def answers(self):
        with self.desk.database.read() as connection:
            return {str(ref) for ref, at in pinned(connection).items() if at == ["bot"]}


@pytest.fixture
def line(database, tmp_path):
    made = Hours(database, tmp_path)
    made.pin("bot@1")
    made.began_us = to_us(made.desk.clock.now())
    return made


def test_a_pin_that_is_not_released_yet_serves_nothing(line):
    line.pin("bot@2")

    assert line.told(2) == ("never served", [], [])
    assert line.told(1)[:2] == ("in service", [(0, None)])


def test_both_serve_while_one_takes_over(line):
    line.pin("bot@2")
    line.goes_on()

    assert line.told(1)[:2] == ("in service", [(0, None)])
    assert line.told(2) == ("in service", [(2, None)], [(ROLLOUTS, "", "")])
    assert line.answers() == {"bot@1", "bot@2"}


def test_what_was_rolled_back_served_until_then(line):
    line.pin("bot@2")
    line.goes_on()
    line.goes_back()
    line.goes_on()

    assert line.told(1) == ("in service", [(0, None)], [(ME, "", "")])
    assert line.told(2) == ("replaced", [(2, 3)], [(ROLLOUTS, OTHER, "bot@1")])
    assert "bot@1" in line.answers()  # Though the stack pins bot@2.


def test_one_that_another_pin_ends_serves_no_longer(line):
    line.pin("bot@2")
    line.goes_on()
    line.pin("bot@3")

    assert line.told(1)[:2] == ("in service", [(0, None)])
    assert line.told(2) == ("replaced", [(2, 3)], [(ROLLOUTS, ME, "bot@1")])
    assert line.told(3)[0] == "never served"


def test_going_back_by_hand_begins_another_term(line):
    line.pin("bot@2", "")
    line.goes_back()
    line.pin("bot@3", "")

    assert line.told(1)[1:] == (
        [(0, 1), (2, 3)],
        [(ME, ME, "bot@2"), (OTHER, ME, "bot@3")],
    )
    assert line.told(2)[1] == [(1, 2)]
    assert line.told(3)[:2] == ("in service", [(3, None)])


def test_a_reserve_that_takes_over_serves(line):
    reserve = f"{CANARY}\nfallback: [bot@2]"
    line.pin("bot@1", reserve)
    line.pin("bot@2", reserve.replace("bot@2]", "bot@1]"))
    stood_by = line.told(2)
    line.goes_on()

    assert stood_by == ("replaced", [(1, 2)], [(ME, ME, "bot@1")])
    assert line.told(2)[:2] == ("in service", [(1, 2), (3, None)])


def test_a_retired_endpoint_serves_nothing(line):
    line.pin("bot@2", "")
    line.pin()

    assert line.told(2) == ("replaced", [(1, 2)], [(ME, ME, "")])
    assert line.told(1)[0] == "replaced"


def test_evaluations_compare_with_what_is_served(line):
    def baseline():
        with line.desk.database.read() as connection:
            return str(in_service(Preview(live=current(connection)), "bot"))

    line.pin("bot@2")
    line.goes_on()
    during = baseline()
    line.goes_back()
    line.goes_on()

    assert (during, baseline()) == ("bot@1", "bot@1")
    line.pin("bot@3", "")
    assert baseline() == "bot@3"
