"""A unit's arm is a function of its name, and growing a canary moves nobody back."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from roadbed.rollouts.assignment import BUCKETS, bucket_of, takes

WEIGHTS = st.integers(0, BUCKETS)


@given(st.text(), st.text())
def test_a_unit_is_always_in_the_same_bucket(salt, unit):
    assert bucket_of(salt, unit) == bucket_of(salt, unit)
    assert 0 <= bucket_of(salt, unit) < BUCKETS


@given(st.text(), st.text(), WEIGHTS, WEIGHTS)
def test_who_is_in_a_canary_is_in_every_larger_one(salt, unit, one, other):
    small, large = sorted((one, other))
    bucket = bucket_of(salt, unit)

    assert takes(bucket, large) or not takes(bucket, small)
    assert not takes(bucket, 0)
    assert takes(bucket, BUCKETS)


def test_salt_and_unit_are_told_apart():
    assert bucket_of("ab", "c") != bucket_of("a", "bc")


def test_units_are_spread_evenly_and_anew_for_each_salt():
    """Chi-squared over 100 cells of 100,000 users; its 99.99 % point is 158."""
    for salt in ("support", "risk"):
        cells = Counter(bucket_of(salt, f"user-{n}") // 100 for n in range(100_000))
        assert sum((cells[c] - 1000) ** 2 / 1000 for c in range(100)) < 158
    both = sum(
        takes(bucket_of("support", f"u{n}"), 1000)
        and takes(bucket_of("risk", f"u{n}"), 1000)
        for n in range(20_000)
    )
    assert 130 < both < 280  # 200 if they are independent
