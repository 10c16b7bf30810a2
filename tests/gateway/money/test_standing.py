"""Of several limits the one nearest to its end is told."""

from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.money.meter import Meter
from roadbed.gateway.money.standing import headers_of, standings

LIMITS = st.lists(
    st.tuples(st.sampled_from(["requests", "input", "output"]), st.integers(0, 99),
              st.integers(0, 120)),
    max_size=8,
)  # fmt: skip


def metered(total, second=100):
    meter = Meter()
    if total:
        meter.add(total, second)
    return meter


@given(LIMITS)
def test_no_other_limit_has_a_smaller_part_left(limits):
    found = [(m, limit, limit, metered(total)) for m, limit, total in limits]
    nearest = standings(found, 100)

    assert set(nearest) == {m for m, _, _ in limits}
    for measure, limit, total in limits:
        stands = nearest[measure]
        left = max(limit - total, 0)
        assert stands.left * limit <= left * stands.limit
        assert stands.left <= stands.limit


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=30))
def test_all_of_it_is_there_again_when_it_is_said_to_be(steps):
    meter, now = Meter(), 0
    for gap, amount in steps:
        now += gap
        meter.add(amount, now)
    wait = meter.empty_in_s(now)

    meter.forget(now + wait)
    assert meter.total == 0
    if steps:
        assert meter.room_in_s(1, meter.total or 1, now + wait) == 0


def test_a_part_of_a_limit_is_what_a_replica_admits_itself():
    found = [("requests", 100, 25, metered(5))]

    told = headers_of(standings(found, 100), "openai", 0)

    assert told["x-ratelimit-limit-requests"] == "100"
    assert told["x-ratelimit-remaining-requests"] == "20"


def test_nothing_is_told_where_nothing_is_limited():
    assert headers_of({}, "openai", 0) == headers_of({}, "anthropic", 0) == {}
