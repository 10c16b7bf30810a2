"""What is foretold of a rollout is what then happens, by the same rules."""

from dataclasses import replace

import pytest

from roadbed.inference.record import CallRecord
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.foreseen import foresee
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Guardrail, Plan, Step
from roadbed.rollouts.power import detectable
from roadbed.rollouts.traffic import Traffic, traffic_of

SECOND = 1_000_000


def a_plan(**more):
    known = {
        "strategy": "canary",
        "steps": (Step(weight=1_000, hold_s=600), Step(weight=10_000, hold_s=600)),
        "guardrails": (Guardrail(name="errors"), Guardrail(name="cost")),
        "holdback": 0,
    }
    return Plan(**{**known, **more})


def an_hour(calls, **more):
    """Return the traffic of an hour in which one call in a hundred failed."""
    known = {"levels": {"errors": Counts(calls // 100, calls)}, "units": None}
    return Traffic(seconds=3_600, calls=calls, counted=calls, **{**known, **more})


def test_without_calls_nothing_is_foretold_but_that_it_comes_to_nothing():
    found = foresee(a_plan(), Traffic(seconds=60))

    assert [step.lasts_s for step in found.steps] == [None, None]
    assert (found.all_s, found.promoted_s) == (None, None)
    assert found.steps[0].waits_for == "calls: there were none"
    assert set(found.steps[0].detectable.values()) == {None}


def test_many_calls_let_a_step_end_when_its_time_is_over():
    found = foresee(a_plan(), an_hour(1_000_000))

    assert [step.waits_for for step in found.steps] == ["its time", "its time"]
    assert (found.all_s, found.promoted_s) == (600, 1_200 + 3_600)


def test_who_is_held_back_gets_it_once_it_is_promoted():
    found = foresee(a_plan(holdback=500), an_hour(1_000_000))

    assert [step.weight for step in found.steps] == [1_000, 9_500]
    assert (found.all_s, found.promoted_s) == (4_800, 4_800)


def test_few_calls_make_a_step_wait_until_it_is_shown_to_be_as_good():
    plan = a_plan()

    found = foresee(plan, an_hour(2_000))
    slower = foresee(plan, an_hour(1_000))

    assert found.steps[0].waits_for == "errors"
    assert 600 < found.all_s < slower.all_s
    assert found.all_s == pytest.approx(slower.all_s / 2, rel=0.02)


def test_what_takes_too_long_is_told_and_what_follows_never_begins():
    found = foresee(a_plan(), an_hour(100))

    assert found.steps[0].lasts_s is None
    assert found.steps[0].waits_for == "errors"
    assert found.steps[1].begins_s is None


def test_units_that_are_too_few_are_told_before():
    """Of forty callers four get it, and a hundred were asked for."""
    found = foresee(a_plan(), an_hour(100_000, units=40))

    assert "of 40 too few" in found.steps[0].waits_for
    assert found.all_s is None


@pytest.mark.parametrize(("units", "waits"), [(None, "its time"), (40, "errors")])
def test_few_callers_who_call_often_show_no_more_than_they_are(units, waits):
    """Forty callers, of whom none ever failed, do not show a share to be 2 points."""
    steps = (Step(weight=5_000, hold_s=600, units=1, deadline_s=864_000),)
    level = {"errors": Counts(0, 1_000_000)}

    found = foresee(a_plan(steps=steps), an_hour(1_000_000, units=units, levels=level))

    assert found.steps[0].waits_for == waits
    assert (found.all_s is None) == (units is not None)
    assert found.steps[0].detectable["errors"] < 0.01


def test_a_share_of_callers_is_never_of_more_than_there_are():
    """However many steps: of 200 callers 190 are on one side at most."""
    weights = (500, 2_500, 5_000, 9_500)
    steps = tuple(Step(weight=w, units=1, deadline_s=864_000) for w in weights)
    level = {"errors": Counts(0, 1_000_000)}
    few = an_hour(1_000_000, units=200, levels=level)

    found = foresee(a_plan(steps=steps), few)

    assert {step.waits_for for step in found.steps} == {"errors"}
    assert {step.lasts_s for step in found.steps} == {None}
    many = replace(few, units=200_000)
    assert foresee(a_plan(steps=steps), many).all_s is not None


def test_an_experiment_ends_when_somebody_decides():
    plan = a_plan(strategy="experiment", steps=(Step(weight=5_000),))

    found = foresee(plan, an_hour(100_000))

    assert found.steps[0].waits_for == "somebody who decides"
    assert found.promoted_s is None


def test_after_a_shadow_somebody_decides():
    plan = a_plan(strategy="shadow", steps=(Step(weight=10_000),), shadow_s=600)

    found = foresee(plan, an_hour(1_000_000))

    assert (found.steps[0].begins_s, found.all_s) == (None, None)


def test_a_switch_is_compared_with_the_time_before():
    plan = a_plan(strategy="blue-green", steps=(Step(weight=10_000, hold_s=600),))

    found = foresee(plan, an_hour(100_000))

    assert found.all_s == 0
    assert found.steps[0].detectable["errors"] < 0.02


def test_more_is_found_out_the_longer_it_is_looked_at():
    steps = (Step(weight=1_000, hold_s=600), Step(weight=5_000, hold_s=6_000))

    found = foresee(a_plan(steps=steps), an_hour(100_000))

    first, second = (step.detectable["errors"] for step in found.steps)
    assert 0.01 < second < first < 0.05


def test_of_a_number_it_is_told_by_what_part_it_has_to_be_higher():
    spread = Numbers.of(*[0.5, 1.5] * 500)
    guardrails = (Guardrail(name="cost", kind="continuous", margin=0.1),)

    found = foresee(
        a_plan(guardrails=guardrails), an_hour(100_000, levels={"cost": spread})
    )

    assert 0.1 < found.steps[0].detectable["cost"] < 0.2


def test_who_gets_it_first_is_reckoned_with_by_themselves():
    plan = a_plan(steps=(Step(weight=5_000, first=True), Step(weight=10_000)))

    found = foresee(plan, an_hour(1_000_000), first=Traffic(seconds=60))

    assert found.steps[0].lasts_s is None


@pytest.mark.parametrize("tolerated", [1.0, 2.0])
def test_what_is_tolerated_is_found_out_later(tolerated):
    found = detectable(0.01, 9_000, 1_000, 0.05, tolerated)

    assert found > 0.01 * tolerated
    assert found >= detectable(0.01, 9_000, 1_000, 0.05)


def test_the_two_ways_of_reckoning_what_a_bet_grows_by_agree():
    near = detectable(0.03, 4_000, 1_000, 0.05, 1 + 1e-9)

    assert near == pytest.approx(detectable(0.03, 4_000, 1_000, 0.05), rel=1e-4)


def a_call(at_s, who="a", **more):
    known = {"region": "r", "tenant": "t", "endpoint": "e", "kind": "chat"}
    known |= {"dialect": "openai", "status": "ok", "principal": who, "model": "bot@1"}
    known |= {"call_id": f"{who}{at_s}", "ts": int(at_s * SECOND)}
    return CallRecord(**{**known, **more})


def test_who_calls_often_in_a_look_counts_once_and_is_bad_if_any_call_is():
    records = [
        a_call(0.0, cost_nano=10),
        a_call(1.0, cost_nano=30, latency_us=900_000),
        a_call(2.0, "b", cost_nano=60),
        a_call(100.0, cost_nano=20),
    ]

    found = traffic_of(records, 200 * SECOND, "principal", 500, "bot")

    assert (found.calls, found.units, found.counted) == (4, 2, 3)
    assert found.rate == pytest.approx(3 / 200)
    assert found.levels["slow"] == Counts(1, 3)
    assert found.levels["errors"] == Counts(0, 3)
    assert found.levels["cost"].mean == pytest.approx(1.0)


def test_users_are_not_on_record_so_their_calls_count():
    records = [a_call(0.0), a_call(1.0), a_call(2.0)]

    found = traffic_of(records, 100 * SECOND, "user", 0, "bot")

    assert (found.units, found.counted) == (None, 3)
    assert "slow" not in found.levels
    assert not found.levels["cost"].n


def test_what_the_version_had_no_part_in_does_not_count():
    records = [
        a_call(0.0, model="bot@2"),
        a_call(10.0, model="other@1"),
        a_call(20.0, status="denied", model=""),
        a_call(30.0, cache="hit"),
    ]

    found = traffic_of(records, 100 * SECOND, "call", 0, "bot")

    assert (found.calls, found.levels["errors"]) == (2, Counts(1, 2))
