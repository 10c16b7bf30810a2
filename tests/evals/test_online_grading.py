"""Calls are graded once, by one replica, and again when the truth comes."""

from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from roadbed.audit.sequencer import sequence
from roadbed.evals.grading import Grade
from roadbed.evals.kinds import Evaluation
from roadbed.evals.marks import LEASE_US, Mark, hold, move
from roadbed.evals.online import SPENT, Live, OnlineGrader, grades
from roadbed.evals.online_tables import online_grades
from roadbed.evals.quality import estimate
from roadbed.evals.running.judges import Judge, judges_of
from roadbed.evals.saying import read
from tests.evals.line import Line


class Panel:
    """The graders that there really are; they ask nobody."""

    def judges(self, live):
        return judges_of(live.spec, lambda name: "")

    @asynccontextmanager
    async def means(self, live):
        yield None


class Dear(Panel):
    """One grader that costs ten billionths of a dollar, and breaks at `boom`."""

    direction, binary = "higher", True
    closed = 0

    def judges(self, live):
        return [Judge(name="right", digest="dear", grader=self)]

    async def grade(self, sample, means):
        if sample.answered.text == "boom":
            raise ZeroDivisionError
        return Grade(value=1.0, cost_nano=10)

    def close(self):
        self.closed += 1


@pytest.fixture
def line(tmp_path, database):
    return Line(tmp_path, database)


def evaluation(online=None):
    spec = {
        "endpoint": "bot",
        "cases": {"dataset": "tea@1"},
        "graders": [{"name": "right", "grader": "exact"}],
        "blocking": "never",
        "online": {"rate": 1.0, **(online or {})},
    }
    return Live(name="bot-online", tenant="default", spec=Evaluation(**spec))


def grader(line, holder="one", panel=None):
    return OnlineGrader(
        database=line.database,
        calls=line.calls,
        history=line.history,
        root=line.root,
        feedbacks=line.feedbacks,
        panel=panel or Panel(),
        now_us=line.now_us,
        holder=holder,
    )


def begin(line, live, holder="one"):
    """Start before any call is there: earlier calls are not graded."""
    grader(line, holder).run([live])
    line.us += 20_000_000


def rows(line):
    with line.database.read() as connection:
        query = sa.select(online_grades).order_by(online_grades.c.called_us)
        return connection.execute(query).all()


def correct(line, record, value):
    line.us += 1_000_000
    line.feedbacks.give(record, read("correction", value), "ada", "user:ada")


def test_calls_are_graded_after_they_were_sealed_and_once(line):
    live = evaluation()
    begin(line, live)
    made = line.seal(line.said(1, "1+1?", "2"), line.said(2, "2+2?", "5"))
    correct(line, made[0], "2")
    line.us += 10_000_000

    assert grader(line).run([live]) == 2
    line.us += 10_000_000
    assert grader(line).run([live]) == 0
    assert [(r.value, r.error, r.known, r.probability) for r in rows(line)] == [
        (1.0, "", True, 1.0),
        (None, "the case does not say what is expected", False, 1.0),
    ]


def test_they_are_graded_again_when_the_truth_comes(line):
    live = evaluation()
    begin(line, live)
    made = line.seal(line.said(1, "2+2?", "5"))
    line.us += 10_000_000
    grader(line).run([live])
    correct(line, made[0], "4")
    line.us += 10_000_000

    assert grader(line).run([live]) == 1
    assert [(r.value, r.known) for r in rows(line)] == [(0.0, True)]
    assert grader(line).run([live]) == 0


def test_one_replica_at_a_time_does_it(line):
    live = evaluation()
    begin(line, live)
    assert hold(line.database, live.name, "other", line.us) is not None
    line.seal(line.said(1, "a", "b"))
    line.us += 10_000_000

    assert grader(line).run([live]) == 0
    line.us += LEASE_US
    assert grader(line).run([live]) == 1
    move(line.database, live.name, "other", Mark(place=0, said_us=0))
    assert grader(line).run([live]) == 0


def test_the_budget_of_a_day_holds_and_what_is_left_out_is_told(line):
    live, dear = evaluation({"budget": "0.00000002"}), Dear()
    begin(line, live)
    made = line.seal(*(line.said(n, f"question {n}", "yes") for n in range(20)))
    line.us += 10_000_000
    assert grader(line, panel=dear).run([live]) == 20
    assert dear.closed == 1

    found = rows(line)
    assert len(found) == 20
    # Eight at once, and the budget is looked at between them.
    assert [r.error for r in found].count(SPENT) == 12
    correct(line, made[-1], "no")
    grader(line, panel=dear).run([live])
    assert rows(line)[-1].value == 1.0  # No grade is lost to a budget.

    line.us += 86_400_000_000
    line.seal(line.said(30, "tomorrow", "yes"))
    line.us += 10_000_000
    grader(line, panel=dear).run([live])
    assert rows(line)[-1].error != SPENT


def test_what_is_graded_twice_in_a_day_is_paid_for_twice(line):
    live, dear = evaluation(), Dear()
    begin(line, live)
    made = line.seal(line.said(1, "a", "b"))
    grader(line, panel=dear).run([live])
    correct(line, made[0], "c")
    assert grader(line, panel=dear).run([live]) == 1
    assert rows(line)[0].cost_nano == 20


def test_a_seal_that_commits_late_is_not_passed_over(line):
    """Its time is of an hour before others that were graded long ago."""
    live = evaluation()
    begin(line, live)
    line.seal(line.said(1, "a", "b"), placed=False)
    line.us += 3_600_000_000
    assert grader(line).run([live]) == 0
    sequence(line.database)
    assert grader(line).run([live]) == 1
    assert grader(line).run([live]) == 0


def test_what_evaluations_ask_is_none_of_production(line):
    live = evaluation()
    begin(line, live)
    mine = line.said(1, "a", "b", labels={"evaluation": "exam", "run": "1"})
    line.seal(mine, line.said(2, "a", "b", labels={"team": "a"}))

    assert grader(line).run([live]) == 1


def test_what_was_not_kept_or_has_no_grader_is_told(line):
    live = evaluation()
    begin(line, live)
    record, _ = line.said(1, "a", "b")
    other = line.said(2, "a", "b", endpoint="other")
    line.seal((record, None), other, line.said(3, "a", "boom"))
    line.us += 10_000_000
    grader(line, panel=Dear()).run([live])

    first, second = rows(line)
    assert "was not kept" in first.error
    assert second.error == "it failed: ZeroDivisionError"


def test_rare_calls_drawn_always_count_as_what_they_are(line):
    """One of five are cut short and always drawn: the mean is over all."""
    live = evaluation({"rate": 0.5, "rates": {"finish=length": 1.0}})
    begin(line, live)
    calls = [
        line.said(n, f"q{n}", "no" if n < 8 else "yes", finish="length")
        if n < 8
        else line.said(n, f"q{n}", "yes", finish="stop")
        for n in range(40)
    ]
    for record in line.seal(*calls):
        line.feedbacks.give(record, read("correction", "yes"), "ada", "user:ada")
    line.us += 10_000_000
    grader(line).run([live])

    with line.database.read() as connection:
        found = grades(connection, "default", "bot", 0)
    assert sum(g.probability == 1.0 for g in found) == 8
    whole = estimate(found)
    assert whole.low <= 0.8 <= whole.high
    with line.database.read() as connection:
        assert grades(connection, "other", "bot", 0) == []
