import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.registry.shapley import share

NUMBERS = st.floats(-100, 100)


def linear(weights):
    def evaluate(coalitions):
        return [
            math.fsum(w for w, inside in zip(weights, c, strict=True) if inside)
            for c in coalitions
        ]

    return evaluate


def tangled(weights):
    """Every feature acts together with its neighbour, and all of them once more."""

    def value(coalition):
        inside = [w * on for w, on in zip(weights, coalition, strict=True)]
        pairs = sum(a * b for a, b in pairwise(inside))
        return 3 + sum(inside) + pairs + math.prod(coalition) * 7

    return lambda coalitions: [value(c) for c in coalitions]


@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_of_a_sum_each_gets_its_own_exactly(weights):
    shares = share(linear(weights), len(weights), seed=0)

    assert shares.method == "shapley-exact"
    assert shares.amounts == pytest.approx(weights, abs=1e-9)
    assert set(shares.errors) == {0.0}


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=14), st.integers(0, 2**256))
def test_the_amounts_add_up_whatever_the_model(weights, seed):
    shares = share(tangled(weights), len(weights), seed)
    largest = max(1.0, *map(abs, shares.amounts), abs(shares.output))

    total = shares.reference + math.fsum(shares.amounts)
    assert total == pytest.approx(shares.output, abs=1e-9 * largest)


def test_two_who_act_only_together_share_equally():
    shares = share(lambda cs: [float(c[0] and c[1]) for c in cs], 3, seed=0)

    assert shares.amounts == pytest.approx((0.5, 0.5, 0.0))


def test_sampling_is_exact_where_order_makes_no_difference():
    weights = [float(n) for n in range(20)]
    shares = share(linear(weights), 20, seed=5)

    assert shares.method == "shapley-sampled"
    assert shares.amounts == pytest.approx(weights)
    assert max(shares.errors) < 1e-9


def test_sampling_comes_as_close_as_it_says():
    weights = [2.0, -1.0, 0.5, 3.0, 0.0, 1.0, -2.0, 1.5, 1.0]
    exact = [
        w * (1 + (left + right) / 2) + 7 / 9
        for left, w, right in zip(
            [0.0, *weights[:-1]], weights, [*weights[1:], 0.0], strict=True
        )
    ]
    shares = share(tangled(weights), 9, seed=1)

    for amount, error, truth in zip(shares.amounts, shares.errors, exact, strict=True):
        assert abs(amount - truth) <= 4 * error + 1e-9
        assert error < 0.5


def test_the_same_seed_gives_the_same_amounts_and_another_gives_others():
    model = tangled([float(n) for n in range(12)])

    assert share(model, 12, 7) == share(model, 12, 7)
    assert share(model, 12, 7).amounts != share(model, 12, 8).amounts
