"""Answers are kept for as long as they are used, and reports for ever."""

from dataclasses import replace

import sqlalchemy as sa

from roadbed.evals.running.shelf import DAY_US, Shelf
from roadbed.evals.running.tables import answers, grades
from roadbed.server.learning import learning
from tests.evals.running.line import Quiz, endpoint, evaluation, model

CASES = 20


def school(line):
    line.golden(CASES)
    again = evaluation("again", gate="{floor: 0.5}")
    line.apply(model(), endpoint(), evaluation(), again)
    return line


def age(line, days):
    """Let everything that is kept be as old as that."""
    past = line.app.now_us() - days * DAY_US
    with line.app.database.write() as connection:
        for table in (answers, grades):
            connection.execute(table.update().values(used_us=past, at_us=past))


def kept(line):
    with line.app.database.read() as connection:
        return tuple(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in (answers, grades)
        )


def forget(line, days=90):
    """Do what the server does every hour."""
    settings = line.app.settings.model_copy(update={"answers_days": days})
    chores = learning(replace(line.app, settings=settings), "me")
    [chore] = [chore for chore in chores if chore.name == "kept-answers"]
    return chore.work()


def test_what_is_not_used_is_forgotten_and_reports_stay(line):
    school(line)
    before = line.evaluate()
    assert kept(line) == (CASES, CASES)

    age(line, 89)
    assert forget(line) == 0
    age(line, 91)
    assert forget(line) == 2 * CASES

    assert kept(line) == (0, 0)
    again = line.evaluate()
    assert again.reused
    assert again.said == before.said
    assert len(line.rows(again.said)) == CASES
    Quiz.asked.clear()
    fresh = line.evaluate(name="again")
    assert len(Quiz.asked) == CASES, "what is forgotten is asked again"
    assert fresh.said["graders"]["right"]["interval"]["value"] == 1.0


def test_what_is_used_stays_and_looking_is_no_use(line):
    school(line)
    said = line.evaluate().said
    age(line, 91)
    keys = [row["answers"][0] for row in line.rows(said)]

    assert len(Shelf(line.app.database).answers(keys)) == CASES
    Quiz.asked.clear()
    line.evaluate(name="again")
    assert Quiz.asked == []

    assert forget(line) == 0, "answers and grades were used by another evaluation"
    age(line, 91)
    assert len(Shelf(line.app.database).answers(keys)) == CASES
    assert forget(line) == 2 * CASES, "a page that shows them keeps nothing"


def test_a_row_says_where_it_comes_from(line):
    calls = [f"local-{n}" for n in range(CASES)]
    line.golden(CASES, provenance=lambda n: f'{{"call": "{calls[n]}"}}')
    line.apply(model(), endpoint(), evaluation())
    line.evaluate()
    with line.app.database.read() as connection:
        made = connection.execute(sa.select(answers)).mappings().all()
        of = set(connection.execute(sa.select(grades.c.answer)).scalars())
    assert sorted(row["origin"] for row in made) == sorted(calls)
    assert {row["key"] for row in made} == of
    found = [line.app.calls.find(row["call_id"]) for row in made]
    assert {each.record.endpoint for each in found} == {"school"}
