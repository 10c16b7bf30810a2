"""What holds in every history, whatever versions and people do."""

import random
from itertools import pairwise

import pytest

from roadbed.rollouts import ratio
from roadbed.rollouts.decide import MISMATCH, decide, verdict
from roadbed.rollouts.evidence import Evidence
from roadbed.rollouts.plan import Plan, Step
from roadbed.rollouts.state import OVER, Ledger, State

from .histories import play

SEED = random.randrange(10**9)


@pytest.fixture(scope="module")
def histories():
    print("seed", SEED)
    return [play(SEED + number) for number in range(400)]


def moments(histories):
    return [(h.plan, moment) for h in histories for moment in h.moments]


def test_the_histories_go_everywhere(histories):
    phases = {m.after.phase for _, m in moments(histories)}

    assert phases == {
        *OVER,
        *("approved", "shadow", "canary", "soaking", "paused", "inconclusive"),
        "rolling_back",
    }


def test_what_is_over_stays_over(histories):
    for _, moment in moments(histories):
        if moment.before.over:
            assert moment.after == moment.before


def test_what_is_rolled_back_stays_rolled_back(histories):
    for history in histories:
        phases = [m.after.phase for m in history.moments]
        if "rolling_back" in phases:
            later = phases[phases.index("rolling_back") :]
            assert set(later) <= {"rolling_back", "rolled_back"}
            assert {
                m.after.weight(history.plan) for m in history.moments[-len(later) :]
            } == {0}


def test_every_change_is_the_next_revision_and_says_why(histories):
    for _, moment in moments(histories):
        before, after = moment.before, moment.after
        moved = (before.phase, before.step) != (after.phase, after.step)
        assert after.revision - before.revision == int(moved)
        assert not moved or after.reason


def test_traffic_grows_one_step_at_a_time_and_only_on_good_news(histories):
    for plan, moment in moments(histories):
        before, after = moment.before.weight(plan), moment.after.weight(plan)
        if after <= before or moment.act in ("promote", "resume"):
            continue
        assert not moment.act
        steps = [0, *(s.weight for s in plan.steps), 10_000 - plan.holdback, 10_000]
        assert after in steps
        if moment.before.phase == "canary" and moment.after.phase == "canary":
            assert moment.after.step == moment.before.step + 1
        if moment.before.phase in ("shadow", "canary"):
            told = [
                verdict(plan, g, moment.after.ledgers.get(g.name, Ledger()))
                for g in plan.guardrails
            ]
            assert set(told) <= {"fine"}


def test_traffic_waits_until_the_version_is_ready(histories):
    for plan, moment in moments(histories):
        if moment.before.phase == "approved" and moment.after.phase in (
            "shadow",
            "canary",
        ):
            assert moment.evidence.ready >= plan.ready


def test_harm_ends_it_in_every_phase(histories):
    """Also while it is paused, inconclusive, soaking or only a shadow."""
    ended = set()
    for plan, moment in moments(histories):
        if moment.evidence is None or moment.before.phase in (
            "draft",
            "rolling_back",
            *OVER,
        ):
            continue
        worse = any(
            verdict(plan, g, moment.after.ledgers.get(g.name, Ledger())) == "worse"
            for g in plan.guardrails
        )
        if worse or moment.evidence.tripped:
            assert moment.after.phase == "rolling_back"
            ended.add(moment.before.phase)

    assert len(ended) >= 4  # of six; which ones, the dice say


def test_a_step_is_not_left_too_early(histories):
    for history in histories:
        for moment in history.moments:
            before, after = moment.before, moment.after
            left = before.phase == "canary" and (after.phase, after.step) != (
                before.phase,
                before.step,
            )
            if left and not moment.act and after.phase in ("canary", "soaking"):
                step = history.plan.steps[before.step]
                assert moment.at_s - before.since_s >= step.hold_s
                assert before.seen + moment.evidence.new >= step.units


def test_no_data_is_neither_good_nor_bad(histories):
    """A step that takes units is not passed without any, and nothing is blamed."""
    for history in histories:
        for moment in history.moments:
            look = moment.evidence
            silent = look is not None and not (moment.before.seen or look.new)
            if moment.before.phase != "canary" or not silent or look.tripped:
                continue
            assert moment.after.phase in ("canary", "inconclusive", "rolling_back")
            assert moment.after.step == moment.before.step
            spent = moment.at_s - moment.before.since_s
            late = spent >= history.plan.steps[moment.before.step].deadline_s
            assert moment.after.phase != "canary" or not late
            if moment.after.phase == "inconclusive":
                assert moment.after.reason == "no data"


def test_arms_that_do_not_compare_are_not_judged_to_be_fine(histories):
    for _, moment in moments(histories):
        grew = moment.before.phase == "canary" and moment.after.phase in (
            "canary",
            "soaking",
        )
        if grew and moment.after.step != moment.before.step:
            assert not moment.after.ratio.refutes(ratio.ALPHA)
        if moment.after.reason == MISMATCH and moment.after.phase == "paused":
            assert moment.after.held


def test_an_experiment_is_never_promoted_by_itself(histories):
    for plan, moment in moments(histories):
        if plan.strategy == "experiment" and not moment.act:
            after = moment.after.phase
            assert after not in ("promoted", "soaking") or moment.before.over


def test_revisions_follow_one_another(histories):
    for history in histories:
        for one, other in pairwise(history.moments):
            assert one.after == other.before


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
