"""Several answers to each case: whether any, or all, succeed, and which are flaky."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.intervals import Interval, mean


@dataclass(frozen=True, slots=True)
class Split:
    """The variance of grades: between cases, and within a case from answer to answer.

    `icc` is the share that is between cases; None where nothing varies. `within` is
    None if no case was answered twice.
    """

    between: float | None
    within: float | None
    icc: float | None


def pass_any(k: int, n: int, passed: int) -> float:
    """Return pass@k: how likely one of *k* answers passes, if *passed* of *n* did.

    The unbiased estimate of Chen et al. (2021). Raises Invalid unless k <= n.
    """
    _check(k, n, passed)
    return 1 - comb(n - passed, k) / comb(n, k)


def pass_all(k: int, n: int, passed: int) -> float:
    """Return pass^k: how likely all of *k* answers pass, if *passed* of *n* did.

    Unbiased (Yao et al. 2024). Raises Invalid unless k <= n.
    """
    _check(k, n, passed)
    return comb(passed, k) / comb(n, k)


def pass_rates(
    answers: Mapping[str, Sequence[float]],
    k: int,
    *,
    clusters: Mapping[str, str] | None = None,
    alpha: float = 0.05,
) -> tuple[Interval, Interval]:
    """Return pass@k and pass^k over all cases: *answers* are 0 or 1, by case.

    Cases that were answered fewer than *k* times are left out.
    """
    kept = {case: grades for case, grades in answers.items() if len(grades) >= k}
    names = None if clusters is None else [clusters.get(case, "") for case in kept]
    if any(grade not in (0, 1) for grades in kept.values() for grade in grades):
        raise Invalid("pass@k is of answers that pass or fail, so of grades 0 and 1")
    counts = [(len(grades), int(sum(grades))) for grades in kept.values()]
    some = [pass_any(k, n, passed) for n, passed in counts]
    every = [pass_all(k, n, passed) for n, passed in counts]
    return (
        mean(some, clusters=names, alpha=alpha),
        mean(every, clusters=names, alpha=alpha),
    )


def split(answers: Mapping[str, Sequence[float]]) -> Split:
    """Return where the variance comes from: a one-way analysis, uneven cases allowed.

    More cases lessen both parts, more repeats only the one within.
    """
    groups = [list(grades) for grades in answers.values() if len(grades)]
    total, cases = sum(map(len, groups)), len(groups)
    if cases < 2:
        return Split(None, None, None)
    means = [sum(group) / len(group) for group in groups]
    centre = sum(map(sum, groups)) / total
    inside = sum(
        (grade - middle) ** 2
        for group, middle in zip(groups, means, strict=True)
        for grade in group
    )
    across = sum(
        len(group) * (middle - centre) ** 2
        for group, middle in zip(groups, means, strict=True)
    )
    if total == cases:
        return Split(across / (cases - 1), None, None)
    within = inside / (total - cases)
    typical = (total - sum(len(g) ** 2 for g in groups) / total) / (cases - 1)
    between = max(0.0, (across / (cases - 1) - within) / typical)
    whole = between + within
    return Split(between, within, between / whole if whole else None)


def flaky(answers: Mapping[str, Sequence[float]], bar: float = 0.5) -> list[str]:
    """Return the cases that are once at *bar* or above and once below it."""
    return [
        case
        for case, grades in answers.items()
        if len({grade >= bar for grade in grades}) == 2
    ]


def _check(k: int, n: int, passed: int) -> None:
    if not (1 <= k <= n and 0 <= passed <= n):
        raise Invalid(f"{k} of {n} answers, {passed} of which passed")
