"""How the older version did before, and what one number a prediction is."""

import random

import pytest

from roadbed.gateway.release import Mirror, Release, Watched
from roadbed.rollouts.decide import decide, difference, verdict
from roadbed.rollouts.difference import Numbers, off
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.past import looks, past
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.predicted import prediction_of
from roadbed.rollouts.state import Ledger, State
from roadbed.testing.history_contract import a_record
from tests.evals.line import NOW_US, Line
from tests.rollouts.test_store import a_rollout

DAY_US = 86_400_000_000
LOOK_US = 5_000_000
SPEC = Release(unit="principal").model_dump(mode="json")


@pytest.fixture
def line(tmp_path, database):
    return Line(tmp_path, database)


def made(line, number, who, look, **facts):
    at = {"ts": NOW_US - (look + 1) * LOOK_US + number, "principal": who}
    return line.said(number, "Q", "A", **(at | {"cost_nano": 10} | facts))


def test_units_of_the_day_before_are_counted_once_in_each_look(line):
    failed = {"status": "error", "error": "provider_timeout", "cost_nano": 0}
    line.seal(
        made(line, 1, "user:a", 1),
        made(line, 2, "user:a", 1, **failed),
        made(line, 3, "user:a", 2, cost_nano=30, latency_us=2_000_001),
        made(line, 4, "user:b", 1, finish="refusal"),
    )
    line.seal(
        made(line, 5, "user:b", 1, model="bot@2", **failed),
        made(line, 6, "user:b", 1, endpoint="other", **failed),
        made(line, 7, "user:b", 1, arm="mirrored", **failed),
        made(line, 8, "user:b", 1, ts=NOW_US - DAY_US - 1, **failed),
        made(line, 9, "user:b", 1, ts=NOW_US, **failed),
        made(line, 10, "user:c", 1, status="denied"),
        made(line, 11, "user:c", 1, status="cancelled"),
    )
    rollout = a_rollout(started_us=NOW_US, spec=SPEC)
    found = looks(line.calls, rollout, NOW_US + 9, slow_ms=2_000)

    assert {k: v for k, v in found.items() if isinstance(v, Counts)} == {
        "errors": Counts(1, 3),
        "timeouts": Counts(1, 3),
        "refusals": Counts(1, 3),
        "slow": Counts(1, 3),
    }
    assert found["cost"] == Numbers.of(5.0, 30.0, 10.0)
    assert "prediction" not in found

    by_call = Release(strategy="blue-green").model_dump(mode="json")
    other = looks(line.calls, a_rollout(started_us=NOW_US, spec=by_call), NOW_US)
    assert other["errors"] == Counts(1, 4)
    assert "slow" not in other


def test_no_unit_of_before_is_used_twice(line):
    line.seal(
        *(
            made(line, n, f"user:{n}", n, status="error" if n % 7 == 0 else "ok")
            for n in range(1, 41)
        )
    )
    found = past(line.calls, a_rollout(started_us=NOW_US, spec=SPEC), NOW_US)
    parts = [found.looks(start, 15)["errors"] for start in (0, 15, 30, 45)]

    assert [part.of for part in parts] == [15, 15, 10, 0]
    assert sum(parts, Counts(0, 0)) == found.looks()["errors"] == Counts(5, 40)
    again = past(line.calls, a_rollout(started_us=NOW_US, spec=SPEC), NOW_US + 5)
    assert again.units == found.units


@pytest.mark.parametrize(
    ("prediction", "number"),
    [
        ({"price": 3.5}, 3.5),
        ({"label": 1.0, "p[0]": 0.3, "p[1]": 0.7}, 0.7),
        ({"label": 1.0, "p[0]": 0.2, "p[1]": 0.7, "p[2]": 0.1}, 0.7),
        ({"a": 1.0, "b": 2.0}, None),
        ({"v[0]": 3.0, "v[1]": 4.0}, None),
        ({}, None),
    ],
)
def test_a_prediction_is_one_number_or_none(prediction, number):
    assert prediction_of(a_record(status="ok", prediction=prediction)) == number
    assert prediction_of(a_record(status="error", prediction=prediction)) is None


RELEASE = Release(guardrails=[Watched(metric="prediction", margin=0.2)])
PLAN = plan_of(RELEASE, promises_latency=False)


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_predictions_that_move_either_way_go_back(shift):
    draw = random.Random(7)
    state = State(phase="canary")
    for at in range(400):
        old = Numbers.of(*(draw.gauss(100, 10) for _ in range(20)))
        new = Numbers.of(*(draw.gauss(100 + 10 * shift, 10) for _ in range(20)))
        looked = Evidence(looks={"prediction": Both(old=old, new=new)}, new=20)
        state = decide(PLAN, state, looked, float(at))
        if state.phase == "rolling_back":
            break
    assert state.reason == "prediction got worse"


def test_how_far_predictions_are_off_is_known_at_all_times():
    """Off by exactly the margin, it is called more in 5 of 100 at most (seed 11)."""
    draw, wrong, runs = random.Random(11), 0, 200
    for _ in range(runs):
        old, new = Numbers(), Numbers()
        for _ in range(30):
            old += Numbers.of(*(draw.gauss(5, 2) for _ in range(20)))
            new += Numbers.of(*(draw.gauss(5.4, 2) for _ in range(20)))
            known = off(old, new, 0.05, 0.2)
            if known is not None and known.low > 0.2:
                wrong += 1
                break
    print(f"{wrong} of {runs} with seed 11")
    assert wrong <= 0.05 * runs


def test_predictions_that_stay_are_fine_and_constants_say_nothing():
    draw = random.Random(3)
    old, new = (Numbers.of(*(draw.gauss(5, 2) for _ in range(4_000))) for _ in "ab")
    (guardrail,) = PLAN.guardrails
    assert verdict(PLAN, guardrail, Ledger(old=old, new=new)) == "fine"
    known = difference(PLAN, guardrail, Ledger(old=old, new=new))
    assert 0 <= known.low <= known.value <= known.high < 0.2
    same = Numbers.of(*[1.0] * 50)
    assert verdict(PLAN, guardrail, Ledger(old=same, new=new)) == "unknown"


def test_a_shadow_waits_for_nobody_who_cannot_speak_of_it():
    watched = [Watched(metric="errors"), Watched(metric="disliked")]
    release = Release(
        shadow=Mirror(hold_s=10, units=10),
        guardrails=[*watched, Watched(metric="score")],
    )
    plan = plan_of(release, promises_latency=False)
    good = {"errors": Both(old=Counts(0, 4_000), new=Counts(0, 4_000))}
    begun = State(phase="shadow")

    silent = decide(plan, begun, Evidence(looks=good, new=4_000), 60.0)
    assert silent.phase == "canary"

    draw = random.Random(1)
    few = Numbers.of(*(draw.gauss(-0.5, 0.2) for _ in range(20)))
    graded = good | {"score": Both(old=few, new=few)}
    spoken = decide(plan, begun, Evidence(looks=graded, new=4_000), 60.0)
    assert spoken.phase == "shadow"  # What was said is not enough yet.
