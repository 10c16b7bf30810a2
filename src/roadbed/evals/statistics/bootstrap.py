"""What a sample says of itself: BCa bootstrap intervals and sign-flip tests, seeded."""

from functools import lru_cache
from math import sqrt
from typing import Any

from roadbed.evals.statistics.units import Units

SEED = 20_010
RESAMPLES = 2000
FLIPS = 5000
EXACT = 12
"""Up to so many units that differ, all flips are looked at instead of some."""


def bca(units: Units, alpha: float) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the mean.

    Efron (1987), with the quantiles of Student's t in place of the normal ones, since
    resamples of few units spread too little (Hesterberg 2015). Needs two units that
    are not equal. The interval of the negated values is the negated interval.
    """
    turned = units.turned()
    if _key(turned) < _key(units):
        low, high = _bca(turned, alpha)
        return -high, -low
    return _bca(units, alpha)


def flip(units: Units) -> float:
    """Return how likely a mean at least this far from 0 is if signs are chance.

    A test by sign flips of whole units; of few units exact, and then what is equally
    far counts half (mid-p). 1.0 if no unit differs from 0.
    """
    import numpy as np

    sizes = np.sort(abs(units.totals[units.totals != 0]))
    if not len(sizes):
        return 1.0
    seen, blur = abs(float(units.totals.sum())), 1e-6 * float(sizes.sum())
    if len(sizes) > EXACT:
        sums = abs(_signs(len(sizes)) @ sizes)
        return float(((sums >= seen - blur).sum() + 1) / (FLIPS + 1))
    bits = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
    sums = abs((2.0 * bits - 1.0) @ sizes)
    return float(((sums > seen + blur).mean() + (sums >= seen - blur).mean()) / 2)


def _key(units: Units) -> list[float]:
    return [*units.totals.tolist(), *units.weights.tolist()]


def _bca(units: Units, alpha: float) -> tuple[float, float]:
    import numpy as np
    from scipy.special import ndtr, ndtri
    from scipy.stats import t

    counts = _counts(len(units))
    means = counts @ units.totals
    means /= units.weights.sum() if units.plain else counts @ units.weights
    blur = 1e-9 * float(abs(units.totals).sum())
    below = (
        (means < units.mean - blur).mean() + (means <= units.mean + blur).mean()
    ) / 2
    bias = ndtri(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    size = max(units.effective, 2.0)
    wide = sqrt(size / (size - 1)) * t.ppf(1 - alpha / 2, size - 1)
    speed = _acceleration(units)
    ends = [bias + z for z in (-wide, wide)]
    shares = [float(ndtr(bias + z / max(1 - speed * z, 1e-3))) for z in ends]
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def _acceleration(units: Units) -> float:
    """Return how the spread changes with the mean: the skewness of the jackknife."""
    apart = units.totals - units.mean * units.weights
    squares = float((apart**2).sum())
    return float((apart**3).sum()) / (6 * squares**1.5) if squares else 0.0


@lru_cache(maxsize=2)
def _counts(size: int) -> Any:
    """Return how often each of *size* units is drawn in each resample."""
    import numpy as np

    drawn = np.random.default_rng(SEED).integers(0, size, (RESAMPLES, size))
    places = (drawn + size * np.arange(RESAMPLES)[:, None]).ravel()
    counts = np.bincount(places, minlength=RESAMPLES * size).reshape(-1, size) * 1.0
    counts.flags.writeable = False
    return counts


@lru_cache(maxsize=2)
def _signs(size: int) -> Any:
    import numpy as np

    drawn = np.random.default_rng(SEED).integers(0, 2, (FLIPS, size), dtype=np.int8)
    signs = 2.0 * drawn - 1.0
    signs.flags.writeable = False
    return signs
