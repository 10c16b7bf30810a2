"""Whether a model behind an unchanged name answers otherwise than it did.

Every so often about a hundred golden prompts are asked again of a pinned version, and
the answers are held against those that were kept when it was pinned, prompt by prompt.
Because each prompt is compared with itself, topics cancel out: on real updates that
nobody announced, a hundred prompts had a power of 0.85 to 1.00, where embeddings of
live traffic had 0.03 to 0.30.

The kept answers are one draw. If that draw was odd, every later replay looks changed;
so a finding is confirmed by asking again, and the baseline is best renewed when a
finding turns out to be nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadbed.core.errors import Invalid
from roadbed.evals.descriptors import DESCRIPTORS, describe
from roadbed.evals.statistics.multiplicity import holm
from roadbed.evals.statistics.paired import Pair, compare
from roadbed.evals.statistics.ranks import wilcoxon

FEWEST = 20
"""With fewer prompts than this, hardly any change can be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One descriptor or grader: its mean then and now, and how surely it moved.

    `p` is of the paired test alone, `adjusted` after Holm over all that were tested.
    `rose` counts the prompts where it is larger now, `fell` those where it is smaller.
    """

    name: str
    before: float
    now: float
    rose: int
    fell: int
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a replay comes to. `moved` has what moved surely, the surest first.

    `tested` has everything, in the order of its names; `n` counts the prompts and
    `same` those whose answers are the same to the letter.
    """

    changed: bool
    n: int
    same: int
    alpha: float
    moved: tuple[Moved, ...]
    tested: tuple[Moved, ...]

    @property
    def sentence(self) -> str:
        """What to tell people: which numbers moved, how far, how sure."""
        if not self.changed:
            why = f" ({self.n} are too few to tell)" if self.n < FEWEST else ""
            return f"no change is shown by {self.n} prompts{why}"
        parts = [
            f"{m.name} {m.before:.3g} to {m.now:.3g} (p {_p(m.adjusted)})"
            for m in self.moved
        ]
        return f"the answers to {self.n} prompts changed: {', '.join(parts)}"


def find_change(
    before: Sequence[str],
    now: Sequence[str],
    *,
    grades: Mapping[str, Sequence[Pair]] | None = None,
    binary: frozenset[str] = frozenset(),
    alpha: float = 0.01,
) -> Change:
    """Return whether the answers *now* differ from those *before*, of the same prompts.

    Fifteen descriptors by Wilcoxon's signed ranks, and *grades* by grader name as
    `compare` does it, *binary* naming those of 0 and 1; all p values by Holm. If
    nothing changed, a replay says otherwise with a probability of at most *alpha*:
    0.01 is one false finding in a hundred nights. Leave out, of both, prompts that were
    not answered. Raises Invalid for lists of different lengths.
    """
    if len(before) != len(now):
        raise Invalid(
            f"{len(before)} answers before and {len(now)} now",
            hint="compare answers to the same prompts, in the same order",
        )
    found = [*_described(before, now)]
    found += [_graded(name, of, name in binary) for name, of in (grades or {}).items()]
    adjusted = holm([each.p for each in found])
    tested = tuple(_with(each, p) for each, p in zip(found, adjusted, strict=True))
    surely = [each for each in tested if each.adjusted <= alpha]
    return Change(
        changed=bool(surely),
        n=len(before),
        same=sum(a == b for a, b in zip(before, now, strict=True)),
        alpha=alpha,
        moved=tuple(sorted(surely, key=lambda each: each.adjusted)),
        tested=tested,
    )


def _described(before: Sequence[str], now: Sequence[str]) -> list[Moved]:
    then, new = [describe(text) for text in before], [describe(text) for text in now]
    return [
        _moved(name, [each[name] for each in then], [each[name] for each in new])
        for name in DESCRIPTORS
    ]


def _moved(name: str, before: Sequence[float], now: Sequence[float]) -> Moved:
    p = wilcoxon(before, now)
    return _summed(name, before, now, p)


def _graded(name: str, pairs: Sequence[Pair], binary: bool) -> Moved:
    p = compare(pairs, binary=binary).p
    before, now = [x.baseline for x in pairs], [x.candidate for x in pairs]
    return _summed(name, before, now, p)


def _summed(
    name: str, before: Sequence[float], now: Sequence[float], p: float
) -> Moved:
    n = max(len(before), 1)
    return Moved(
        name=name,
        before=sum(before) / n,
        now=sum(now) / n,
        rose=sum(b < a for b, a in zip(before, now, strict=True)),
        fell=sum(b > a for b, a in zip(before, now, strict=True)),
        p=p,
        adjusted=1.0,
    )


def _with(moved: Moved, adjusted: float) -> Moved:
    return Moved(
        name=moved.name,
        before=moved.before,
        now=moved.now,
        rose=moved.rose,
        fell=moved.fell,
        p=moved.p,
        adjusted=adjusted,
    )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"
