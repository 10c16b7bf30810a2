"""The figures of a rollout are those that it is decided by."""

import json
from dataclasses import asdict

import pytest

from roadbed.rollouts.decide import decide
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Guardrail, Plan, Step
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.shown import balance, tiles
from roadbed.rollouts.state import State

PLAN = Plan(
    strategy="canary",
    steps=(Step(weight=1_000), Step(weight=10_000)),
    guardrails=(
        Guardrail(name="errors"),
        Guardrail(name="score", kind="continuous", margin=0.2),
    ),
)


def shown_after(*looks, weight=1_000, old=0, new=0):
    state = State(phase="canary")
    for look in looks:
        evidence = Evidence(weight=weight, old=old, new=new, looks=look)
        state = decide(PLAN, state, evidence, 1.0)
    return Rollout(
        id="ro-1",
        endpoint="bot",
        tenant="default",
        declared="bot@2",
        old="bot@1",
        new="bot@2",
        old_digest="",
        new_digest="",
        plan=PLAN,
        state=state,
        snapshot=1,
        started_by="user:a",
        started_us=1,
        changed_us=1,
    )


def test_before_anything_was_seen_no_figure_is_invented():
    rollout = shown_after()

    for tile in tiles(rollout):
        assert tile.verdict == "no data"
        assert (tile.old, tile.difference, tile.samples_new) == (None, None, 0)
        assert tile.limit == pytest.approx(2 / 0.05)
    assert balance(rollout).verdict == "no data"


def test_one_arm_alone_shows_nothing():
    errors, _ = tiles(
        shown_after({"errors": Both(old=Counts(1, 90), new=Counts(0, 0))})
    )

    assert (errors.verdict, errors.samples_old) == ("no data", 90)


@pytest.mark.parametrize(
    ("bad", "verdict"), [(Counts(1, 90), "unknown"), (Counts(60, 90), "worse")]
)
def test_a_share_is_shown_with_its_interval_and_its_bet(bad, verdict):
    rollout = shown_after({"errors": Both(old=Counts(9, 900), new=bad)})

    tile = tiles(rollout)[0]

    assert (tile.old, tile.new) == (pytest.approx(0.01), pytest.approx(bad.rate))
    assert tile.low < tile.difference < tile.high
    assert tile.verdict == verdict
    assert (tile.e_value >= tile.limit) == (verdict == "worse")
    assert (rollout.state.phase == "rolling_back") == (verdict == "worse")


def test_much_good_news_is_shown_as_fine():
    look = {"errors": Both(old=Counts(500, 50_000), new=Counts(480, 50_000))}

    tile = tiles(shown_after(look))[0]

    assert tile.verdict == "fine"
    assert tile.high < tile.margin


def test_what_is_better_when_higher_is_shown_as_people_read_it():
    """Scores of 0.9 before and 0.3 now, kept with their signs turned."""
    before = Numbers.of(*[-0.88, -0.92] * 200)
    now = Numbers.of(*[-0.28, -0.32] * 200)

    tile = tiles(shown_after({"score": Both(old=before, new=now)}))[1]

    assert (tile.old, tile.new) == (pytest.approx(0.9), pytest.approx(0.3))
    assert tile.difference == pytest.approx(-0.6)
    assert tile.low < tile.difference < tile.high < 0
    assert (tile.better, tile.verdict, tile.e_value) == ("higher", "worse", None)


def test_a_share_of_units_that_was_not_meant_is_told():
    assert balance(shown_after({}, old=900, new=100)).verdict == "as meant"
    off = balance(shown_after({}, old=500, new=500))
    assert off.verdict == "mismatch"
    assert off.e_value >= off.limit


def test_what_a_bet_is_worth_beyond_all_numbers_is_still_json():
    look = {"errors": Both(old=Counts(0, 9_000), new=Counts(9_000, 9_000))}

    tile = tiles(shown_after(look))[0]

    assert json.loads(json.dumps(asdict(tile), allow_nan=False))["e_value"] == 1e300
