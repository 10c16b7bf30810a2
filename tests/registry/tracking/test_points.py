"""Metric points: all are kept, and the newest of each metric is known."""

import math
import random

from roadbed.registry.tracking.points import Point, add, history, latest
from tests.registry.test_runs import INTENT


def test_history_is_in_the_order_of_steps(runs, database):
    run = runs.start(INTENT)
    points = [Point(key="loss", value=v, step=s) for s, v in ((2, 0.2), (0, 1.0))]
    with database.write() as connection:
        add(connection, run.id, [*points, Point(key="other", value=5)])
        add(connection, run.id, [Point(key="loss", value=0.5, step=1)])

        found = history(connection, run.id, "loss")
    assert [(p.step, p.value) for p in found] == [(0, 1.0), (1, 0.5), (2, 0.2)]


def test_numbers_that_are_none_come_back_as_they_were(runs, database):
    run = runs.start(INTENT)
    odd = [math.nan, math.inf, -math.inf]
    with database.write() as connection:
        add(connection, run.id, [Point(key="x", value=v) for v in odd])
        found = [p.value for p in history(connection, run.id, "x")]

    assert math.isnan(found[0])
    assert found[1:] == odd[1:]


def test_the_newest_is_the_same_in_whatever_order_points_arrive(runs, database):
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    points = [
        Point(key=dice.choice("ab"), value=dice.random(), step=dice.randrange(5))
        for _ in range(40)
    ]
    want = {
        k: max((p for p in points if p.key == k), key=lambda p: p.rank) for k in "ab"
    }
    for _ in range(3):
        dice.shuffle(points)
        run = runs.start(INTENT)
        with database.write() as connection:
            for at in range(0, 40, 7):
                add(connection, run.id, points[at : at + 7])
            assert latest(connection, [run.id])[run.id] == want, f"seed {seed}"


def test_a_run_that_logs_by_step_ends_with_its_newest(runs):
    run = runs.start(INTENT)
    runs.log(run.id, {"loss": 0.1}, step=9)
    runs.log(run.id, {"loss": 0.7}, step=3)

    assert runs.get(run.id).metrics == {"loss": 0.1}
    assert runs.finish(run.id, "finished").metrics == {"loss": 0.1}
