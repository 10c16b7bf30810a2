"""Looking for the load that breaks an endpoint, on a server that is simulated."""

import random
from itertools import pairwise

import pytest

from roadbed.inference.terms import Latency
from roadbed.loadtest.judge import Sample
from roadbed.loadtest.profile import Profile, Step, arrivals, questions
from roadbed.loadtest.search import (
    CLOSE,
    Limits,
    breaks_at,
    holds_at,
    outcome_of,
    search,
)

PROMISE = Latency(p50_ms=200, p95_ms=900)


def queue(capacity, seed=7):
    """One queue in front of a server that does *capacity* calls a second."""
    print(f"seed {seed}")

    def run(step):
        draw, free, found = random.Random(seed), 0.0, []
        for due in arrivals(step, seed):
            begins = max(due, free)
            free = begins + draw.uniform(0.5, 1.5) / capacity
            took = free - due
            found.append(Sample(due_s=due, first_s=took / 2, total_s=took))
        return found

    return run


@pytest.mark.parametrize("capacity", [20, 50, 170])
def test_the_load_that_breaks_a_queue_is_near_what_it_can_do(capacity):
    limits = Limits(first=1.0, highest=1024.0, calls=400)

    done = search(queue(capacity), limits, PROMISE)

    assert outcome_of(done) == "kept"
    assert 0.5 * capacity < holds_at(done) < breaks_at(done) < 1.6 * capacity
    assert breaks_at(done) / holds_at(done) <= CLOSE


def test_what_breaks_at_once_is_not_searched_further():
    done = search(queue(5), Limits(first=20.0, highest=640.0, calls=100), PROMISE)

    assert (outcome_of(done), len(done), holds_at(done)) == ("broken", 1, None)


def test_what_promises_nothing_breaks_only_by_errors():
    def failing(step):
        return [Sample(due_s=0.0, error="http_500")] * step.calls

    limits = Limits(first=2.0, highest=2.0, calls=50)

    assert outcome_of(search(failing, limits, None)) == "broken"
    assert outcome_of(search(queue(50), limits, None)) == "unpromised"


def test_a_single_load_is_one_step():
    done = search(queue(50), Limits(first=10.0, highest=10.0, calls=300), PROMISE)

    assert [m.step for m in done] == [Step(rate=10.0, calls=300)]


def test_arrivals_are_at_random_and_as_many_as_asked_for():
    due = arrivals(Step(rate=50.0, calls=2_000), seed=1)
    gaps = [b - a for a, b in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((g - mean) ** 2 for g in gaps) / len(gaps)) ** 0.5

    assert mean == pytest.approx(1 / 50, rel=0.1)
    assert spread == pytest.approx(mean, rel=0.15)


def test_questions_are_of_many_lengths_and_never_the_same():
    found = questions(Profile(prompt_tokens=300), 500)
    words = sorted(len(q.split()) for q in found)

    assert len(set(found)) == 500
    assert words[250] * 1.3 == pytest.approx(300, rel=0.2)
    assert words[475] > 3 * words[250]
