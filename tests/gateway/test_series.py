"""Latencies that were counted apart add up to the right percentiles."""

from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.gateway.history import Tally
from roadbed.gateway.series import bucket_of, points

LATENCIES = st.lists(st.integers(1, 10**8), min_size=1, max_size=60)


def tally(latency_us, at_us=0):
    bucket = bucket_of(latency_us)
    return Tally(endpoint="e", at_us=at_us, bucket=bucket, calls=1, errors=0)


@settings(deadline=None)
@given(LATENCIES)
def test_percentiles_are_within_three_percent(latencies):
    (point,) = points(map(tally, latencies))
    ordered = sorted(latencies)
    exact = ordered[-(-len(ordered) * 95 // 100) - 1]

    assert point.calls == len(latencies)
    assert abs(point.p95_us - exact) <= max(0.03 * exact, 1)


def test_points_are_ordered_by_endpoint_and_time():
    found = points([tally(5, at_us=7), tally(5, at_us=3), tally(5, at_us=7)])

    assert [(p.at_us, p.calls) for p in found] == [(3, 1), (7, 2)]
