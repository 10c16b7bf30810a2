"""What holds in every history, whatever people do: each rule is a function."""

from itertools import pairwise

from roadbed.rollouts import ratio
from roadbed.rollouts.decide import AS_WELL, MISMATCH, verdict
from roadbed.rollouts.state import OVER, Ledger


def over_stays_over(history):
    for moment in history.moments:
        if moment.before.over:
            assert moment.after == moment.before


def rolled_back_stays_rolled_back(history):
    phases = [m.after.phase for m in history.moments]
    if "rolling_back" in phases:
        later = phases[phases.index("rolling_back") :]
        assert set(later) <= {"rolling_back", "rolled_back"}
        ends = history.moments[-len(later) :]
        assert {m.after.weight(history.plan) for m in ends} == {0}


def every_change_is_the_next_revision_and_says_why(history):
    for moment in history.moments:
        before, after = moment.before, moment.after
        moved = (before.phase, before.step) != (after.phase, after.step)
        assert after.revision - before.revision == int(moved)
        assert not moved or after.reason


def traffic_grows_one_step_at_a_time_and_only_on_good_news(history):
    plan = history.plan
    for moment in history.moments:
        before, after = moment.before.weight(plan), moment.after.weight(plan)
        stepped = moment.after.step != moment.before.step
        if (after <= before and not stepped) or moment.act in ("promote", "resume"):
            continue
        assert not moment.act
        steps = [0, *(s.weight for s in plan.steps), 10_000 - plan.holdback, 10_000]
        assert after in steps
        if moment.before.phase == "canary" and moment.after.phase == "canary":
            assert moment.after.step == moment.before.step + 1
        if moment.before.phase in ("shadow", "canary"):
            told = [verdict(plan, g, _ledger(moment, g)) for g in plan.guardrails]
            assert set(told) <= {"fine"}


def traffic_waits_until_the_version_is_ready(history):
    for moment in history.moments:
        led = moment.after.phase in ("shadow", "canary", "promoted")
        if moment.before.phase == "approved" and led:
            assert moment.evidence.ready >= history.plan.ready


def harm_ends_it(history):
    """Also while it is paused, inconclusive, soaking or only a shadow."""
    for moment in history.moments:
        asked = moment.before.phase not in ("draft", "rolling_back", *OVER)
        if moment.evidence is None or not asked:
            continue
        plan = history.plan
        told = [verdict(plan, g, _ledger(moment, g)) for g in plan.guardrails]
        if "worse" in told or moment.evidence.tripped:
            assert moment.after.phase == "rolling_back"


def a_step_is_not_left_too_early(history):
    for moment in history.moments:
        before, after = moment.before, moment.after
        left = (after.phase, after.step) != (before.phase, before.step)
        on = after.phase in ("canary", "soaking") and not moment.act
        if before.phase == "canary" and left and on:
            step = history.plan.steps[before.step]
            assert moment.at_s - before.since_s >= step.hold_s
            assert before.seen + moment.evidence.new >= step.units


def no_data_is_neither_good_nor_bad(history):
    """A step that takes units is not passed without any, and nothing is blamed."""
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


def arms_that_do_not_compare_are_not_judged_to_be_fine(history):
    for moment in history.moments:
        later = moment.after.phase in ("canary", "soaking")
        grew = moment.before.phase == "canary" and later
        if grew and moment.after.step != moment.before.step:
            assert not moment.after.ratio.refutes(ratio.ALPHA)
        if moment.after.reason == MISMATCH and moment.after.phase == "paused":
            assert moment.after.held


def an_experiment_is_never_promoted_by_itself(history):
    for moment in history.moments:
        if history.plan.strategy == "experiment" and not moment.act:
            after = moment.after.phase
            assert after not in ("promoted", "soaking") or moment.before.over


def a_shadow_answers_nobody_unless_somebody_says_so(history):
    if history.plan.strategy != "shadow" or not history.plan.shadow_s:
        return
    for moment in history.moments:
        promoted = moment.after.phase == "promoted"
        assert promoted or moment.after.weight(history.plan) == 0
        if promoted and not moment.before.over:
            assert moment.act == "promote"
        if moment.after.reason == AS_WELL:
            assert (moment.after.phase, moment.after.held) == ("paused", "shadow")


def what_was_never_loaded_is_not_promoted(history):
    for moment in history.moments:
        if moment.act == "promote":
            assert "approved" not in (moment.before.phase, moment.before.held)


def revisions_follow_one_another(history):
    for one, other in pairwise(history.moments):
        assert one.after == other.before


def _ledger(moment, guardrail):
    return moment.after.ledgers.get(guardrail.name, Ledger())


RULES = [
    over_stays_over,
    rolled_back_stays_rolled_back,
    every_change_is_the_next_revision_and_says_why,
    traffic_grows_one_step_at_a_time_and_only_on_good_news,
    traffic_waits_until_the_version_is_ready,
    harm_ends_it,
    a_step_is_not_left_too_early,
    no_data_is_neither_good_nor_bad,
    arms_that_do_not_compare_are_not_judged_to_be_fine,
    an_experiment_is_never_promoted_by_itself,
    a_shadow_answers_nobody_unless_somebody_says_so,
    what_was_never_loaded_is_not_promoted,
    revisions_follow_one_another,
]
