"""What is said of a rollout's answers counts when it comes, and once."""

import pytest

from roadbed.evals.kinds import Evaluation
from roadbed.evals.online import Live, grades
from roadbed.evals.online_tables import online_grades
from roadbed.evals.saying import read
from roadbed.gateway.release import Release
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both
from roadbed.rollouts.graded import DAY_US, looks, paired
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.state import State
from tests.evals.line import NOW_US, Line
from tests.evals.test_online_grading import grader
from tests.rollouts.test_store import a_rollout

SECOND_US = 1_000_000


@pytest.fixture
def line(tmp_path, database):
    return Line(tmp_path, database)


def live(*graders, **online):
    spec = {
        "endpoint": "bot",
        "cases": {"dataset": "tea@1"},
        "graders": [*graders],
        "blocking": "never",
        "online": {"rate": 1.0, **online},
    }
    return Live(name="bot-online", tenant="default", spec=Evaluation(**spec))


EXACT = {"name": "right", "grader": "exact"}


def arm(side, bucket):
    models = {"old": "bot@1", "new": "bot@2", "mirrored": "bot@2"}
    model = models[side.removeprefix("placed-")]
    return {"rollout": "ro-1", "arm": side, "bucket": bucket, "model": model}


def say(line, record, kind, value, source="ada"):
    line.us += SECOND_US
    line.feedbacks.give(record, read(kind, value), source, f"user:{source}")


def since(line, before_us, rollout=None):
    with line.database.read() as connection:
        return looks(connection, rollout or a_rollout(), before_us, line.us + 1)


def test_grades_count_by_bucket_and_side_once(line):
    evaluation = live(EXACT)
    grader(line).run([evaluation])
    line.us += 20 * SECOND_US
    made = line.seal(
        line.said(1, "1+1?", "2", **arm("old", 7)),
        line.said(2, "1+2?", "4", **arm("old", 7)),
        line.said(3, "1+3?", "4", **arm("old", 8)),
        line.said(4, "1+4?", "6", **arm("new", 1)),
        line.said(5, "1+5?", "6", **arm("placed-new", 2)),
        line.said(6, "1+6?", "8", **arm("mirrored", 3)),
        line.said(7, "1+7?", "9"),
    )
    for record, right in zip(made, "23456789", strict=False):
        say(line, record, "correction", right)
    line.us += 10 * SECOND_US
    begun = line.us
    grader(line).run([evaluation])

    assert since(line, begun) == {
        "judged-bad": Both(old=Counts(1, 2), new=Counts(1, 1)),
        "score": Both(old=Numbers.of(-0.5, -1.0), new=Numbers.of(0.0)),
    }
    line.us += 10 * SECOND_US
    again = line.us
    say(line, made[3], "correction", "6")  # It is graded again, and is right now.
    line.us += SECOND_US
    assert grader(line).run([evaluation]) == 1
    assert since(line, again) == {}
    assert since(line, NOW_US)["judged-bad"].new == Counts(0, 1)


def test_a_truth_that_comes_late_counts_when_it_comes(line):
    evaluation = live(EXACT)
    grader(line).run([evaluation])
    line.us += 20 * SECOND_US
    (record,) = line.seal(line.said(1, "1+1?", "3", **arm("new", 7)))
    line.us += 10 * SECOND_US
    grader(line).run([evaluation])
    assert since(line, NOW_US) == {}
    line.us += 3 * DAY_US
    say(line, record, "correction", "2")
    begun = line.us
    line.us += 10 * SECOND_US
    grader(line).run([evaluation])

    assert since(line, begun)["judged-bad"].new == Counts(1, 1)


def test_the_likelier_ones_are_thinned_to_be_alike(line):
    grade = {"evaluation": "e", "grader": "right", "digest": "d", "label": ""}
    grade |= {"tenant": "default", "endpoint": "bot", "error": "", "known": True}
    grade |= {"called_us": NOW_US, "at_us": NOW_US, "told_us": NOW_US, "cost_nano": 0}
    grade |= {"value": 1.0, "higher": True, "binary": True}
    rows = [
        {**grade, "call_id": f"c-{n}", "probability": p, **arm("old", n)}
        for n, p in enumerate([1.0] * 1_000 + [0.5] * 500, start=1)
    ]
    with line.database.write() as connection:
        connection.execute(online_grades.insert(), rows)
    seen = since(line, NOW_US)["judged-bad"].old

    # All 500 of the less likely ones, and half of the others, within 5 deviations.
    assert 1_000 - 80 < seen.of < 1_000 + 80


def test_copies_are_graded_with_their_calls_and_for_no_endpoint(line):
    evaluation = live(EXACT)
    grader(line).run([evaluation])
    line.us += 20 * SECOND_US
    calls = line.seal(
        *(line.said(n, f"{n}?", "yes", **arm("old", n)) for n in range(1, 4))
    )
    labels = [{"mirrors": call.call_id} for call in calls]
    says = ("yes", "no", "no")
    line.seal(
        *(
            line.said(n + 10, f"{n}?", says[n], labels=labels[n], **arm("mirrored", n))
            for n in range(3)
        )
    )
    for record in calls:
        say(line, record, "correction", "yes")
    line.us += 10 * SECOND_US
    assert grader(line).run([evaluation]) == 6
    shadow = a_rollout(state=State(phase="shadow"))

    assert since(line, NOW_US, shadow)["judged-bad"] == Both(
        old=Counts(0, 3), new=Counts(2, 3)
    )
    assert since(line, NOW_US)["judged-bad"].new == Counts(0, 0)
    with line.database.read() as connection:
        assert len(grades(connection, "default", "bot", 0)) == 3
        assert paired(connection, shadow) == {
            "bot-online: right": Numbers.of(0.0, -1.0, -1.0)
        }


def test_first_words_of_people_count(line):
    made = line.seal(
        line.said(1, "a", "b", **arm("old", 7)),
        line.said(2, "a", "b", **arm("new", 1)),
        line.said(3, "a", "b", **arm("new", 2)),
    )
    say(line, made[0], "thumbs", "up")
    say(line, made[1], "thumbs", "down")
    say(line, made[2], "thumbs", "up")
    assert since(line, NOW_US) == {
        "disliked": Both(old=Counts(0, 1), new=Counts(1, 2)),
    }
    line.us += SECOND_US
    begun = line.us
    say(line, made[1], "thumbs", "up")
    assert since(line, begun) == {}
    say(line, made[2], "thumbs", "down", source="bob")
    assert since(line, begun)["disliked"].new == Counts(1, 1)


def test_outcomes_of_predictions_count_by_their_error(line):
    number, text = {"prediction": {"price": 10.0}}, {"cat": {"output.kind": "spam"}}
    classes = {"prediction": {"label": 1.0, "p[0]": 0.2, "p[1]": 0.8}}
    made = line.seal(
        line.predicted(1, {"x": 1.0}, [], **arm("old", 7), **number),
        line.predicted(2, {"x": 1.0}, [], **arm("new", 1), **number),
        line.predicted(3, {"x": 1.0}, [], **arm("new", 2), **text),
        line.predicted(4, {"x": 1.0}, [], **arm("new", 3), **classes),
        line.predicted(5, {"x": 1.0}, [], **arm("new", 4), **number),
    )
    begun = line.us
    for record, truth in zip(made, (11.0, 7.0, "spam", 0, "text"), strict=True):
        line.us += DAY_US
        say(line, record, "outcome", truth)

    assert since(line, begun) == {
        "score": Both(old=Numbers.of(1.0), new=Numbers.of(3.0, 0.0, 1.0)),
    }
    line.feedbacks.erase(made[1].call_id, "asked for", "user:dpo")
    assert since(line, begun)["score"].new == Numbers.of(0.0, 1.0)
    assert line.feedbacks.seal() == 5


def test_a_switch_for_all_is_held_against_the_day_before(line):
    plan = plan_of(Release(strategy="blue-green"), promises_latency=False)
    switched = a_rollout(plan=plan, started_us=NOW_US + DAY_US)
    before = line.seal(*(line.said(n, "a", "b") for n in range(1, 4)))
    for record in before:
        say(line, record, "thumbs", "down" if record is before[0] else "up")
    line.us = NOW_US + DAY_US
    after = line.seal(
        line.said(5, "a", "b", **arm("new", 1)), line.said(6, "a", "b", **arm("new", 1))
    )
    begun = line.us
    for record in after:
        say(line, record, "thumbs", "up")
    line.us += 10 * SECOND_US

    found = since(line, begun, switched)
    assert found["disliked"] == Both(old=Counts(1, 3), new=Counts(0, 2))
    assert since(line, line.us, switched) == {}
