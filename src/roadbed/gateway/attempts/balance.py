"""Which of several places of one version gets the next call."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Literal

from roadbed.gateway.attempts.health import Place

Balance = Literal["weighted", "least-loaded", "latency"]


def pick(ready: Sequence[Place], balance: Balance, random: Random) -> Place:
    """Return the one of *ready* that is asked; there is at least one.

    A place of weight 0 is asked only where there is no other. Balanced by load or by
    latency, two are drawn by weight and the better one is asked: nearly as good as
    asking the best of all, and no place is stormed for having been best a moment ago.
    """
    some = [place for place in ready if place.upstream.weight] or list(ready)
    if len(some) == 1:
        return some[0]
    first = _draw(some, random)
    if balance == "weighted":
        return first
    second = _draw([place for place in some if place is not first], random)
    return min(first, second, key=_load if balance == "least-loaded" else _wait_s)


def _draw(places: Sequence[Place], random: Random) -> Place:
    """Return one of *places*, by weight; all alike if none has any."""
    weights = [place.upstream.weight for place in places]
    bounds = list(accumulate(weights if any(weights) else [1] * len(places)))
    at = random.random() * bounds[-1]
    return next(p for p, bound in zip(places, bounds, strict=True) if at < bound)


def _load(place: Place) -> float:
    """Return the load for each unit of weight: a stronger place may have more."""
    return place.health.under_way / max(place.upstream.weight, 1)


def _wait_s(place: Place) -> float:
    """Return how long a call would wait, by what was seen and what is under way.

    A place that was never asked has not been seen to be slow, and is tried.
    """
    return place.health.cost_s * (place.health.under_way + 1)
