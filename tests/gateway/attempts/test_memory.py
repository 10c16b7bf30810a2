"""What is remembered of upstreams and endpoints, in simulated time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.attempts.allowance import BURST, FLOOR_S, Allowance
from roadbed.gateway.attempts.balance import pick
from roadbed.gateway.attempts.breaker import (
    CONSECUTIVE,
    ENOUGH,
    LONGEST_OPEN_S,
    LONGEST_PATIENCE_S,
    Breaker,
)
from roadbed.gateway.attempts.health import Health, Healths, Place
from roadbed.inference.snapshot import (
    Choice,
    Deployment,
    ModelVersion,
    Snapshot,
    Upstream,
)

VERSION = ModelVersion(model="m", number=1, digest="", definition={"hosted": {}})


def fail(breaker, now_s, times=1):
    for _ in range(times):
        breaker.failed(breaker.begin(now_s), now_s)


def test_failures_in_a_row_open_it_and_one_probe_closes_it():
    breaker = Breaker()
    fail(breaker, 1.0, CONSECUTIVE)
    assert not breaker.ready(1.5)

    assert breaker.ready(2.0)
    probe = breaker.begin(2.0)
    assert not breaker.ready(2.0), "one probe at a time"
    breaker.succeeded(probe, 2.1)

    assert breaker.ready(2.1)


def test_a_success_between_failures_keeps_it_closed():
    breaker = Breaker()
    for moment in range(10):
        fail(breaker, 20.0 * moment, CONSECUTIVE - 1)
        breaker.succeeded(breaker.begin(20.0 * moment), 20.0 * moment)

    assert breaker.ready(200.0)


def test_half_of_many_failing_opens_it():
    breaker = Breaker()
    for at in range(ENOUGH):
        epoch = breaker.begin(1.0)
        breaker.failed(epoch, 1.0) if at % 2 else breaker.succeeded(epoch, 1.0)

    assert not breaker.ready(1.0)


def test_each_failed_probe_opens_it_for_longer_up_to_a_bound():
    breaker, now_s, waits = Breaker(), 0.0, []
    fail(breaker, now_s, CONSECUTIVE)
    for _ in range(10):
        waits.append(breaker.ready_in_s(now_s))
        now_s += waits[-1]
        fail(breaker, now_s)

    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_OPEN_S


def test_a_probe_that_tells_nothing_leaves_room_for_the_next():
    breaker = Breaker()
    fail(breaker, 0.0, CONSECUTIVE)
    breaker.abandoned(breaker.begin(1.0))

    assert breaker.ready(1.0)


def test_patience_is_kept_for_as_long_as_was_asked():
    breaker = Breaker()
    breaker.leave(10.0, 7.0)
    breaker.leave(10.0, 2.0)

    assert not breaker.ready(16.9)
    assert breaker.ready(17.0)


def test_nobody_is_left_alone_for_ever():
    breaker = Breaker()
    breaker.leave(0.0, 1e12)

    assert breaker.ready(LONGEST_PATIENCE_S)


events = st.lists(
    st.tuples(
        st.floats(0, 5), st.sampled_from(["begin", "ok", "bad", "gone"]), st.integers()
    ),
    max_size=120,
)


class Simulated:
    """A breaker, and the calls that are under way behind it."""

    def __init__(self):
        self.breaker, self.under_way, self.probes = Breaker(), [], set()

    def begin(self, now_s):
        if not self.breaker.ready(now_s):
            return
        probing = self.breaker._until_s > 0
        if probing:
            asked = {e for e in self.under_way if e == self.breaker._epoch}
            assert not self.probes & asked, "one probe at a time"
        self.under_way.append(self.breaker.begin(now_s))
        if probing:
            self.probes.add(self.under_way[-1])

    def end(self, what, which, now_s):
        if not self.under_way:
            return
        epoch = self.under_way.pop(which % len(self.under_way))
        if what == "gone":
            self.breaker.abandoned(epoch)
        elif what == "ok":
            self.breaker.succeeded(epoch, now_s)
        else:
            self.breaker.failed(epoch, now_s)


@given(events)
def test_one_probe_at_a_time_and_health_always_returns(script):
    """Whatever happens in whatever order, an upstream that is well is asked again."""
    made, now_s = Simulated(), 0.0
    for gap_s, what, which in script:
        now_s += gap_s
        if what == "begin":
            made.begin(now_s)
        else:
            made.end(what, which, now_s)
        assert made.breaker.ready_in_s(now_s) <= LONGEST_OPEN_S
    while made.under_way:
        made.end("gone", 0, now_s)
    now_s += LONGEST_OPEN_S
    assert made.breaker.ready(now_s)
    made.breaker.succeeded(made.breaker.begin(now_s), now_s)
    assert made.breaker.ready(now_s)


@given(
    st.integers(0, 100),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=300),
)
def test_retries_stay_within_their_budget(percent, script):
    allowance, now_s, calls, retries = Allowance(0.0), 0.0, 0, 0
    for gap_s, fails in script:
        now_s += gap_s
        calls += 1
        allowance.called(percent)
        if fails and allowance.has(now_s):
            allowance.take(now_s)
            retries += 1

    assert retries <= BURST + calls * percent / 100 + now_s / FLOOR_S + 1e-6
    assert percent or not retries


def test_a_quiet_endpoint_may_retry():
    allowance = Allowance(0.0)
    for _ in range(int(BURST)):
        allowance.called(1)
        allowance.take(0.0)
    allowance.called(1)
    assert not allowance.has(1.0)

    assert allowance.has(1.0 + FLOOR_S)


def places(*weights, balance="weighted", costs=(), loads=()):
    ups = tuple(
        Upstream(runner=object(), provider="p", name=f"u{n}", weight=w)
        for n, w in enumerate(weights)
    )
    choice = Choice(version=VERSION, upstreams=ups, balance=balance)
    made = [Place(choice, up, Health(), "m@1", f"p/{up.name}") for up in ups]
    for place, cost_s in zip(made, costs, strict=False):
        place.health.cost_s = cost_s
    for place, load in zip(made, loads, strict=False):
        place.health.under_way = load
    return made


def shares(made, balance, count=4_000):
    random, seen = Random(7), dict.fromkeys((p.upstream.name for p in made), 0)
    for _ in range(count):
        seen[pick(made, balance, random).upstream.name] += 1
    return {name: n / count for name, n in seen.items()}


def test_weights_are_shares():
    got = shares(places(1, 3, 0), "weighted")

    assert got["u1"] == pytest.approx(0.75, abs=0.03)
    assert got["u2"] == 0


def test_a_weight_of_nothing_counts_in_need():
    assert shares(places(0), "weighted") == {"u0": 1.0}
    assert min(shares(places(0, 0), "least-loaded").values()) > 0.4


def test_of_two_the_less_loaded_is_asked():
    got = shares(places(1, 1, 1, loads=(9, 0, 5)), "least-loaded")

    assert got["u0"] == 0, "it loses against both others"
    assert got["u1"] == pytest.approx(2 / 3, abs=0.04)


def test_of_two_the_faster_is_asked():
    got = shares(places(1, 1, costs=(0.9, 0.1), loads=(1, 1)), "latency")

    assert got == {"u0": 0.0, "u1": 1.0}


def test_a_slow_answer_counts_at_once_and_is_forgotten():
    health = Health()
    health.observe(0.1, 1.0)
    health.observe(2.0, 2.0)
    assert health.cost_s == 2.0

    for second in range(3, 40):
        health.observe(0.1, float(second))

    assert health.cost_s < 0.2


def test_the_same_seed_draws_the_same_places():
    made = places(2, 1, 5)
    drawn = [[pick(made, "weighted", Random(3)) for _ in range(9)] for _ in "ab"]

    assert drawn[0] == drawn[1]


def served(revision, *upstreams):
    first = Choice(version=VERSION, upstreams=upstreams)
    endpoint = Deployment(endpoint="e", choices=(first,))
    return Snapshot(
        revision=revision,
        digest="",
        authority=None,
        credentials={},
        deployments={"e": endpoint},
    )


def test_what_did_not_change_keeps_its_health_over_a_swap():
    kept, dropped = (Upstream(runner=object(), provider=p) for p in "ab")
    healths = Healths()
    healths.keep(served(1, kept, dropped))
    before = healths.of(kept), healths.of(dropped)
    moved = Upstream(runner=kept.runner, provider="a", weight=5)

    healths.keep(served(2, moved))

    assert healths.of(moved) is before[0]
    assert [up for up, _ in healths] == [kept]
    assert healths.of(dropped) is not before[1]
