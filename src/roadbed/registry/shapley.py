"""Shapley values: how a prediction's distance from a reference is shared out.

Model-agnostic. A coalition is the set of features that have the values of the
input; the others have those of one reference row. A feature's amount is its
average effect on the output when it joins, over all orders of joining; so the
amounts always add up to the whole distance (L. S. Shapley, 1953).

With few features all coalitions are evaluated, and the result is exact. With
more, orders are sampled (J. Castro, D. Gómez, J. Tejada, "Polynomial calculation
of the Shapley value based on sampling", Computers & Operations Research 36,
2009; E. Štrumbelj, I. Kononenko, "Explaining prediction models and individual
predictions with feature contributions", Knowledge and Information Systems 41,
2014), each together with its reverse, which makes the errors smaller.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Evaluate = Callable[[Sequence[bytes]], Sequence[float]]
"""Returns the model's output for each coalition: one byte a feature, 1 if in it."""

EXACT_FEATURES = 8
_BUDGET = 16_384
_MIN_PAIRS, _MAX_PAIRS = 8, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The amount of each feature; `reference` plus their sum is `output`.

    `errors` are standard errors, all 0 if the amounts are exact.
    """

    method: str
    output: float
    reference: float
    amounts: tuple[float, ...]
    errors: tuple[float, ...]


def share(evaluate: Evaluate, features: int, seed: int) -> Shares:
    """Return how the output is shared among *features*, the same for equal seeds.

    Exact for up to 8 features. Beyond, the number of sampled orders is chosen so
    that about 16,000 coalitions are evaluated, and at least 16 orders are.
    """
    reference, output = evaluate([bytes(features), b"\1" * features])
    if features <= EXACT_FEATURES:
        amounts, errors = _exact(evaluate, features), (0.0,) * features
        method = "shapley-exact"
    else:
        ends = (float(reference), float(output))
        pairs = max(_MIN_PAIRS, min(_MAX_PAIRS, _BUDGET // (2 * features)))
        amounts, errors = _sampled(evaluate, features, random.Random(seed), pairs, ends)
        method = "shapley-sampled"
    return Shares(
        method=method,
        output=float(output),
        reference=float(reference),
        amounts=amounts,
        errors=errors,
    )


def _exact(evaluate: Evaluate, features: int) -> tuple[float, ...]:
    """Average the effect of joining over all coalitions, weighted by their size."""
    coalitions = [
        bytes(number >> place & 1 for place in range(features))
        for number in range(2**features)
    ]
    outputs = [float(value) for value in evaluate(coalitions)]
    weights = [
        1 / (features * math.comb(features - 1, size)) for size in range(features)
    ]
    return tuple(
        math.fsum(
            weights[number.bit_count()] * (outputs[number | 1 << place] - output)
            for number, output in enumerate(outputs)
            if not number >> place & 1
        )
        for place in range(features)
    )


def _sampled(
    evaluate: Evaluate,
    features: int,
    source: random.Random,
    pairs: int,
    ends: tuple[float, float],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Average the effect of joining over random orders and their reverses."""
    found: list[list[float]] = [[] for _ in range(features)]
    for _ in range(pairs):
        order = sorted(range(features), key=lambda _: source.random())
        forth = _effects(evaluate, order, ends)
        back = _effects(evaluate, order[::-1], ends)
        for place in range(features):
            found[place].append((forth[place] + back[place]) / 2)
    amounts = tuple(fmean(effects) for effects in found)
    return amounts, tuple(stdev(effects) / math.sqrt(pairs) for effects in found)


def _effects(
    evaluate: Evaluate, order: Sequence[int], ends: tuple[float, float]
) -> dict[int, float]:
    """Return what each feature changes when it joins in this *order*."""
    outputs = [ends[0], *map(float, evaluate(list(_joining(order)))), ends[1]]
    return {
        place: outputs[step + 1] - outputs[step] for step, place in enumerate(order)
    }


def _joining(order: Sequence[int]) -> Iterator[bytes]:
    """Yield the coalitions between the empty one and the full one."""
    coalition = bytearray(len(order))
    for place in order[:-1]:
        coalition[place] = 1
        yield bytes(coalition)
