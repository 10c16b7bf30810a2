"""What holds in every history, whatever versions and people do."""

import os
import random

import pytest

from roadbed.rollouts import store
from roadbed.rollouts.decide import decide
from roadbed.rollouts.evidence import Evidence
from roadbed.rollouts.plan import Plan, Step
from roadbed.rollouts.state import OVER, State

from .histories import keep, play
from .invariants import RULES
from .test_store import a_rollout

SEED = 1 if os.environ.get("CI") else random.randrange(10**9)


@pytest.fixture(scope="module")
def histories():
    print("seed", SEED)
    return [play(SEED + number) for number in range(400)]


def test_the_histories_go_everywhere(histories):
    phases = {m.after.phase for h in histories for m in h.moments}

    assert phases == {
        *OVER,
        *("approved", "shadow", "canary", "soaking", "paused", "inconclusive"),
        "rolling_back",
    }
    assert any(h.plan.steps[0].first and h.end.step for h in histories)
    assert {h.plan.strategy for h in histories} == {
        *("canary", "shadow", "blue-green", "experiment"),
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_holds_in_every_history(histories, rule):
    assert len([rule(history) for history in histories]) == len(histories)


def test_harm_ends_it_in_most_phases(histories):
    ended = {
        m.before.phase
        for h in histories
        for m in h.moments
        if m.after.phase == "rolling_back" and not m.act
    }
    assert len(ended - {"rolling_back"}) >= 4  # of six; which ones, the dice say


def test_it_holds_in_what_is_kept_too(histories, sqlite_database):
    """What the store gives back is what happened, and one is under way at a time."""
    with sqlite_database.write() as connection:
        for number, history in enumerate(histories[:12]):
            now = a_rollout(id=f"ro-{number}", plan=history.plan, started_us=number)
            keep(connection, history, now)
        assert len(store.listed(connection)) == 12


@pytest.mark.parametrize("phase", ["approved", "shadow", "canary", "soaking"])
@pytest.mark.parametrize("held", ["", "paused", "inconclusive"])
def test_a_version_that_trips_is_rolled_back_from_anywhere(phase, held):
    plan = Plan(strategy="canary", steps=(Step(weight=500),))
    state = State(phase=held or phase, held=phase if held else None)
    after = decide(plan, state, Evidence(tripped=("schema violated",)), 60)

    assert (after.phase, after.reason) == ("rolling_back", "schema violated")
    assert after.weight(plan) == 0
    assert decide(plan, after, Evidence(back=0.9), 61).phase == "rolling_back"
    assert decide(plan, after, Evidence(back=1.0), 61).phase == "rolled_back"
