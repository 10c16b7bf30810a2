"""How often the statistics of evaluations err, beside how often they say they may.

```
python bench/verdicts.py               # 1,000 worlds of each kind
python bench/verdicts.py --worlds 200 --part gate
```

Every world is made from a seed of its own, 0 and up, so each line can be had again.
`gate`: two versions on a set that is sized by `needed` for a tolerance of 3 points; the
candidate is 3 points worse, or not worse. `rates`: how often an interval of nominal
95 % covers the true rate, exactly, by summing over all outcomes. `graded`, `clusters`
and `judges`: the same for other data, by simulation. `replay`: answers of an unchanged
and of a changed manner, made from the paragraphs of our own pages. `flips`: scheduled
replays of a model whose answers become wrong in the same manner.
"""

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from roadbed.evals.changed import find_change
from roadbed.evals.descriptors import describe
from roadbed.evals.statistics.correction import corrected_difference, corrected_mean
from roadbed.evals.statistics.intervals import mean, rate
from roadbed.evals.statistics.matched import mcnemar
from roadbed.evals.statistics.multiplicity import holm, share
from roadbed.evals.statistics.paired import Pair, compare
from roadbed.evals.statistics.power import Spread, design_effect, detectable, needed
from roadbed.evals.statistics.verdict import judge

TOLERANCE = 0.03
WORSE = "3 points worse"
SAME = "not worse"


def main(worlds: int, only: str) -> None:
    """Print every part, or *only* one."""
    print(f"{worlds:,} worlds of each kind, seeds 0 to {worlds - 1:,}")
    for part in (gate, rates, graded, clusters, judges, replay, flips):
        if only and part.__name__ != only:
            continue
        begin = time.process_time()
        print(f"\n{part.__name__}")
        for line in part(worlds):
            print(f"  {line}")
        print(f"  ({time.process_time() - begin:.1f} CPU seconds)")


def binary_world(seed: int, n: int, loss: float, cases: int = 1) -> list[Pair]:
    """Return pairs of right and wrong: 90 % right before, *loss* less after.

    Gains and losses beside that are 4 % each. With *cases* above 1, so many cases
    share a source, and a source is won or lost as a whole in half of them.
    """
    chance = np.random.default_rng(seed)
    draws = chance.random(n)
    if cases > 1:
        names = np.arange(n) // cases
        shared = chance.random(n // cases + 1)[names]
        draws = np.where(chance.random(n) < 0.7, shared, draws)
    else:
        names = np.arange(n)
    lost, gained = 0.04 + loss, 0.04
    return [
        Pair(1, 0, 1, f"s{c}")
        if u < lost
        else Pair(0, 1, 1, f"s{c}")
        if u < lost + gained
        else Pair(1, 1, 1, f"s{c}")
        for u, c in zip(draws.tolist(), names.tolist(), strict=True)
    ]


def graded_world(seed: int, n: int, loss: float) -> list[Pair]:
    """Return pairs of grades from 0 to 1, skewed towards 1, correlated."""
    chance = np.random.default_rng(seed)
    base = chance.beta(4, 1.5, n)
    before = np.clip(base + chance.normal(0, 0.12, n), -1, 2)
    after = np.clip(base + chance.normal(-loss, 0.12, n), -1, 2)
    return [Pair(b, a) for b, a in zip(before.tolist(), after.tolist(), strict=True)]


def outcomes(make: Callable[[int], list[Pair]], worlds: int, binary: bool) -> Counter:
    """Return how often the gate passed, failed, and could not tell."""
    found: Counter[str] = Counter()
    for seed in range(worlds):
        comparison = compare(make(seed), binary=binary)
        found[judge(tolerance=TOLERANCE, comparison=comparison).outcome] += 1
    return found


def gate(worlds: int) -> Iterator[str]:
    """Both kinds of grades, sized for three points with 80 % power at 5 %."""
    for name, n, make, binary in sized():
        yield f"{name}, {n:,} cases (sized for {TOLERANCE:g})"
        for what, loss in ((WORSE, TOLERANCE), (SAME, 0.0)):
            made = partial(make, n=n, loss=loss)
            yield f"  {what:<15} {shares(outcomes(made, worlds, binary), worlds)}"
    yield "nominal: 3 points worse fails in 80 % and passes in 2.5 %;"
    yield "         not worse fails in 2.5 % and passes in 80 %"
    wrong = sum(any(failed(5 * s + i) for i in range(5)) for s in range(worlds))
    yield f"five graders that gate, none worse: any fails {wrong / worlds:.1%}"


def failed(seed: int) -> bool:
    """Return whether one of five graders calls a version worse that is not."""
    pairs = binary_world(seed, 400, 0.0)
    comparison = compare(pairs, binary=True, alpha=share(0.05, 5))
    return judge(tolerance=TOLERANCE, comparison=comparison).outcome == "failed"


def sized() -> Iterator[tuple[str, int, Callable[..., list[Pair]], bool]]:
    """Return the worlds of the gate, with the numbers of cases that they need."""
    spread = Spread(0.11 - TOLERANCE**2, 0, "the world that was made")
    yield "right or wrong", needed(TOLERANCE, spread=spread), binary_world, True
    spread = Spread(2 * 0.12**2, 0, "the world that was made")
    yield "graded", needed(TOLERANCE, spread=spread), graded_world, False


def rates(_: int) -> Iterator[str]:
    """Coverage of rates, exact."""
    yield f"{'rate':>6} {'n':>4} {'usual':>7} {'ours':>7}"
    for true in (0.9, 0.95, 0.99):
        for n in (20, 50, 100, 200, 500):
            chances = stats.binom.pmf(range(n + 1), n, true)
            ours = [rate(k, n) for k in range(n + 1)]
            usual = [usual_rate(k, n) for k in range(n + 1)]
            a = chances[[low <= true <= high for low, high in usual]].sum()
            b = chances[[x.low <= true <= x.high for x in ours]].sum()
            yield f"{true:>6} {n:>4} {a:>7.1%} {b:>7.1%}"


def usual_rate(passed: int, n: int) -> tuple[float, float]:
    """Return the interval of the central limit theorem."""
    found = passed / n
    half = 1.96 * (found * (1 - found) / n) ** 0.5
    return found - half, found + half


def graded(worlds: int) -> Iterator[str]:
    """Coverage of means and of paired differences."""
    kinds: dict[str, tuple[Callable[[Any, int], Any], float]] = {
        "normal": (lambda c, n: c.normal(5, 1, n), 5.0),
        "skewed (log-normal)": (lambda c, n: c.lognormal(0, 1, n), float(np.exp(0.5))),
        "from 0 to 1 (beta)": (lambda c, n: c.beta(4, 1.5, n), 4 / 5.5),
        "mostly 1": (lambda c, n: np.where(c.random(n) < 0.7, 1, c.random(n)), 0.85),
    }
    yield f"{'means':<22}" + "".join(f"{n:>8}" for n in (10, 20, 50, 100, 250))
    for name, (draw, truth) in kinds.items():
        line = ""
        for n in (10, 20, 50, 100, 250):
            found = [
                mean(draw(np.random.default_rng(s), n).tolist()) for s in range(worlds)
            ]
            line += f"{covered(found, truth, worlds):>8.1%}"
        yield f"{name:<22}{line}"
    for some in (0.1, 0.3, 0.8):
        line = ""
        for n in (10, 20, 50, 100, 250):
            found = [compare(moved_world(s, n, some)) for s in range(worlds)]
            line += f"{covered(found, 0.0, worlds):>8.1%}"
        yield f"{f'pairs, {some:.0%} differ':<22}{line}"


def moved_world(seed: int, n: int, some: float) -> list[Pair]:
    """Return graded pairs of which *some* differ at all."""
    chance = np.random.default_rng(seed)
    before, after = chance.random((2, n))
    after = np.where(chance.random(n) < some, after, before)
    return [Pair(b, a) for b, a in zip(before.tolist(), after.tolist(), strict=True)]


def clusters(worlds: int) -> Iterator[str]:
    """Cases that share a source: false differences, and what naming the source does."""
    for sources, size in ((50, 10), (15, 4), (100, 3)):
        n = sources * size
        lost: Counter[str] = Counter()
        for seed in range(worlds):
            pairs = clustered_world(seed, sources, size)
            lost["clustered"] += compare(pairs).p < 0.05
            lost["naive"] += (
                compare([Pair(p.baseline, p.candidate) for p in pairs]).p < 0.05
            )
        yield (
            f"{sources} sources of about {size}: false differences at 5 %: "
            f"{lost['naive'] / worlds:.1%} as if independent, "
            f"{lost['clustered'] / worlds:.1%} by source"
        )
        names = [p.cluster for p in pairs]
        one = detectable(n).detectable
        other = detectable(n, design=design_effect(names, 0.5)).detectable
        yield f"  detectable: {one:.3f} as if independent, {other:.3f} by source"
    yield from clustered_rates(worlds)


def clustered_rates(worlds: int) -> Iterator[str]:
    """Coverage of pass rates whose cases share sources."""
    for true, sources, size in ((0.95, 30, 5), (0.9, 15, 8), (0.99, 50, 4)):
        naive, by_source = [], []
        for seed in range(worlds):
            chance = np.random.default_rng(seed)
            names = np.repeat(np.arange(sources), chance.poisson(size - 1, sources) + 1)
            shared = (chance.random(sources) < true)[names]
            alone = chance.random(len(names)) < true
            passed = np.where(chance.random(len(names)) < 0.6, shared, alone)
            grades, labels = passed.astype(float).tolist(), [f"s{c}" for c in names]
            naive.append(mean(grades, binary=True))
            by_source.append(mean(grades, clusters=labels, binary=True))
        yield (
            f"rate {true} of {sources} sources of about {size}: covered in "
            f"{covered(naive, true, worlds):.1%} as if independent, "
            f"{covered(by_source, true, worlds):.1%} by source"
        )


def clustered_world(seed: int, sources: int, size: int) -> list[Pair]:
    """Return graded pairs without a difference; what a source has in common is half."""
    chance = np.random.default_rng(seed)
    sizes = chance.poisson(size - 1, sources) + 1
    names = np.repeat(np.arange(sources), sizes)
    shared = chance.normal(0, 1, sources)[names]
    apart = shared + chance.normal(0, 1, len(names))
    return [Pair(0, d, 1, f"s{c}") for d, c in zip(apart, names, strict=True)]


def judges(worlds: int) -> Iterator[str]:
    """Scores of judges that err, 1,000 of them, with 100 labels by people."""
    kinds = ((0.8, 0.95, 0.7), (0.9, 0.95, 0.8), (0.8, 0.98, 0.95), (0.8, 0.9, 0.6))
    yield f"{'true/sens/spec':<16} {'judge':>7} {'people':>14} {'corrected':>14}"
    for truth, sensitivity, specificity in kinds:
        found: dict[str, list[Any]] = {"judge": [], "people": [], "both": []}
        for seed in range(worlds):
            judged, human = judged_world(seed, truth, sensitivity, specificity)
            found["judge"].append(mean(judged, binary=True))
            found["people"].append(mean(human[:100], binary=True))
            labels = [*human[:100], *[None] * 900]
            found["both"].append(corrected_mean(judged, labels, binary=True))
        cells = [f"{covered(found['judge'], truth, worlds):>7.1%}"] + [
            f"{covered(found[name], truth, worlds):>7.1%} {width(found[name]):.3f}"
            for name in ("people", "both")
        ]
        name = f"{truth}/{sensitivity}/{specificity}"
        yield f"{name:<16} {cells[0]:>7} {cells[1]:>14} {cells[2]:>14}"
    yield from judged_differences(worlds)


def judged_world(
    seed: int, truth: float, sensitivity: float, specificity: float
) -> Any:
    """Return what a judge says, and what people would."""
    chance = np.random.default_rng(seed)
    right = chance.random(1000) < truth
    judged = chance.random(1000) < np.where(right, sensitivity, 1 - specificity)
    return judged.astype(float).tolist(), right.astype(float).tolist()


def judged_differences(worlds: int) -> Iterator[str]:
    """A judge that likes the candidate 5 points more than people do."""
    naive, corrected = [], []
    for seed in range(worlds):
        chance = np.random.default_rng(seed)
        quality = chance.random(1000)
        real = quality + chance.normal(0, 0.1, 1000)
        liked = real + chance.normal(0.05, 0.05, 1000)
        judged = [Pair(q, x) for q, x in zip(quality, liked, strict=True)]
        human = [Pair(q, x) for q, x in zip(quality[:100], real[:100], strict=True)]
        naive.append(compare(judged))
        corrected.append(corrected_difference(judged, [*human, *[None] * 900]))
    yield (
        "paired, judge biased by 0.05: covers no difference "
        f"{covered(naive, 0.0, worlds):.1%} alone, "
        f"{covered(corrected, 0.0, worlds):.1%} corrected"
    )
    yield from judged_gates(worlds)


def judged_gates(worlds: int) -> Iterator[str]:
    """Gates by judges: how often a version that is worse passes, and one that is not.

    1,000 cases, tolerance 5 points. The fair judge lets a tenth of what is wrong pass
    on both sides; the fooled one lets six tenths of the candidate's.
    """
    yield (
        f"{'gate, tolerance 0.05':<24}{'labels':>7}{'worse passes':>14}"
        f"{'fails':>7}{'as good passes':>16}{'fails':>7}{'covers':>8}"
    )
    for name, fooled in (("fair judge", 0.1), ("fooled judge", 0.6)):
        for labels in (0, 50, 100, 200, 400):
            worse, same = (
                [judged_gate(s, loss, fooled, labels) for s in range(worlds)]
                for loss in (0.05, 0.0)
            )
            cells = [
                sum(outcome == wanted for outcome, _ in found) / worlds
                for found in (worse, same)
                for wanted in ("passed", "failed")
            ]
            inside = sum(hit for _, hit in worse) / worlds
            yield (
                f"{name:<24}{labels or 'none':>7}{cells[0]:>14.1%}{cells[1]:>7.1%}"
                f"{cells[2]:>16.1%}{cells[3]:>7.1%}{inside:>8.1%}"
            )
    yield "nominal: worse passes in 2.5 %, as good fails in 2.5 %"


def judged_gate(seed: int, loss: float, fooled: float, labels: int) -> tuple[str, bool]:
    """Return what a gate says of two versions, and whether the truth is covered.

    Answers that did not change are judged as before.
    """
    chance, n = np.random.default_rng(seed), 1000
    before = chance.random(n) < 0.9
    moved, luck = chance.random(n), chance.random(n)
    after = np.where(before, moved >= (0.04 + loss) / 0.9, moved < 0.4)
    again = np.where(before == after, luck, chance.random(n))
    seen = (
        np.where(before, luck < 0.97, luck < 0.1),
        np.where(after, again < 0.97, again < fooled),
    )
    judged, human = (as_pairs(*both) for both in (seen, (before, after)))
    found = compare(judged, binary=True)
    if labels:
        known = [*human[:labels], *[None] * (n - labels)]
        found = corrected_difference(judged, known, binary=True)
    outcome = judge(tolerance=0.05, comparison=found).outcome
    return outcome, bool(found.low <= -loss <= found.high)


def as_pairs(one: Any, other: Any) -> list[Pair]:
    """Return right and wrong of two versions as pairs of 0 and 1."""
    both = zip(one.astype(float).tolist(), other.astype(float).tolist(), strict=True)
    return [Pair(a, b) for a, b in both]


PROSE = [
    part.strip()
    for page in sorted([Path("README.md"), *Path("docs").rglob("*.md")])
    for part in re.split(r"\n\n+", page.read_text())
    if 200 < len(part) < 1500 and part[0] not in "|`#"
]
STYLES: dict[str, Callable[[str], str]] = {
    "a tenth shorter": lambda text: text[: len(text) * 9 // 10],
    "a polite opening": lambda text: f"Certainly! {text}",
    "lists": lambda text: text.replace(". ", ".\n- "),
    "a refusal": lambda text: "I'm sorry, but I cannot help with that.",
    "fewer commas": lambda text: text.replace(",", ""),
}


def replay(worlds: int) -> Iterator[str]:
    """Replays at 5 %: false findings, and how often a planted style is found."""
    count = max(worlds // 5, 20)
    yield f"{count} replays each, from {len(PROSE)} paragraphs; a style in some of them"
    yield f"{'':<22}" + "".join(f"{n:>6} prompts" for n in (25, 50, 100))
    planted = [(style, some) for style in STYLES for some in (0.1, 0.3)]
    for style, some in [("", 0.0), *planted]:
        found = [
            sum(replayed(s, style, some, n) for s in range(count)) / count
            for n in (25, 50, 100)
        ]
        name = f"{style}, {some:.0%}" if style else "unchanged"
        yield f"{name:<22}" + "".join(f"{x:>14.0%}" for x in found)
    begin = time.process_time()
    for text in PROSE:
        describe(text)
    spent = (time.process_time() - begin) / len(PROSE) * 1000
    yield f"{spent:.3f} ms CPU to describe one text"


FLIPS = {
    "unchanged": (0.0, 0.0),
    "5 % become wrong": (0.05, 0.0),
    "10 % become wrong": (0.1, 0.0),
    "20 % become wrong": (0.2, 0.0),
    "10 % wrong, 10 % right": (0.1, 0.1),
}
"""Of all prompts, what share becomes wrong, and what share becomes right."""
NIGHTS = 30


def flips(worlds: int) -> Iterator[str]:
    """Scheduled replays as the server makes them: at 1 %, twice if something is found.

    A simulation: no update that really happened is in it. 70 % of the prompts are
    answered rightly and 20 % wrongly, always; the others as it happens each time. A
    flip is another paragraph in the same manner, and another grade.
    """
    sizes = (50, 100, 200)
    yield f"{worlds:,} replays each, found by one grader of sixteen tests"
    yield f"{'':<24}" + "".join(f"{n:>9} prompts" for n in sizes)
    for name in FLIPS:
        shown = [
            sum(graded_replay(seed, name, n) for seed in range(worlds)) / worlds
            for n in sizes
        ]
        yield f"{name:<24}" + "".join(f"{x:>17.1%}" for x in shown)
    count = max(worlds // 5, 20)
    yield f"{count} replays each, seeds 0 to {count - 1}: found by texts; with grades"
    yield f"{'':<24}" + "".join(f"{n:>9} prompts" for n in sizes)
    for name in FLIPS:
        line = ""
        for n in sizes:
            found = [Model(seed, n).replay(name) for seed in range(count)]
            texts, both = (sum(each[i] for each in found) / count for i in (0, 1))
            line += f"{texts:>9.1%}{both:>8.1%}"
        yield f"{name:<24}{line}"
    count = max(count // 5, 10)
    found = [month(seed) for seed in range(count)]
    for i, what in enumerate(("texts", "texts and grades")):
        nights = sum(each[i] for each in found) / (count * NIGHTS)
        months = sum(each[i] > 0 for each in found) / count
        yield (
            f"{count} times {NIGHTS} nights unchanged, one baseline of 100 prompts, by "
            f"{what}: {nights:.2%} of the nights and {months:.1%} of the months find "
            "something"
        )


def graded_replay(seed: int, name: str, n: int) -> bool:
    """Return whether two draws both differ from the kept one by their grades, at the
    level that Holm leaves to the surest of sixteen tests."""
    chance = random.Random(seed)
    kept = drawn_grades(chance, n, "unchanged")
    for _ in range(2):
        now = drawn_grades(chance, n, name)
        gained = sum(a > b for b, a in zip(kept, now, strict=True))
        lost = sum(a < b for b, a in zip(kept, now, strict=True))
        if 16 * mcnemar(gained, lost) > 0.01:
            return False
    return True


def drawn_grades(chance: random.Random, n: int, name: str) -> list[bool]:
    """Return right and wrong of *n* prompts: 70 % always right, 20 % always wrong."""
    lost, gained = FLIPS[name]
    shares = [i / n for i in range(n)]
    return [
        chance.random() < 0.5
        if share >= 0.9
        else share < 0.7 - lost or 0.7 <= share < 0.7 + gained
        for share in shares
    ]


def month(seed: int) -> tuple[int, int]:
    """Return in how many nights a replay of an unchanged model finds something."""
    model = Model(seed, 100)
    found = [model.replay("unchanged") for _ in range(NIGHTS)]
    return sum(texts for texts, _ in found), sum(both for _, both in found)


class Model:
    """Answers *n* prompts, a little otherwise each time; the first draw is kept."""

    def __init__(self, seed: int, n: int) -> None:
        self._chance = random.Random(seed)
        self._right = self._chance.choices(PROSE, k=n)
        self._wrong = self._chance.choices(PROSE, k=n)
        self._order = self._chance.sample(range(n), n)
        self._kept = self._draw("unchanged")

    def replay(self, name: str) -> tuple[bool, bool]:
        """Say whether a change is found by texts alone, and by grades as well."""
        first = self._held(name)
        second = self._held(name) if any(first) else first
        return first[0] and second[0], first[1] and second[1]

    def _held(self, name: str) -> tuple[bool, bool]:
        texts, grades = self._draw(name)
        kept, was = self._kept
        pairs = {"right": [Pair(b, a) for b, a in zip(was, grades, strict=True)]}
        binary = frozenset(pairs)
        found = find_change(kept, texts, grades=pairs, binary=binary)
        alone = holm([each.p for each in found.tested if each.name not in pairs])
        return min(alone) <= found.alpha, found.changed

    def _draw(self, name: str) -> tuple[list[str], list[float]]:
        n, (lost, gained) = len(self._right), FLIPS[name]
        texts, grades = [], []
        for place, right, wrong in zip(
            self._order, self._right, self._wrong, strict=True
        ):
            share = place / n
            good = share < 0.7 - lost or 0.7 <= share < 0.7 + gained
            if share >= 0.9:
                good = self._chance.random() < 0.5
            texts.append(reworded(right if good else wrong, self._chance))
            grades.append(float(good))
        return texts, grades


def replayed(seed: int, style: str, some: float, n: int) -> bool:
    """Return whether a change is found in answers that are reworded in both."""
    chance = random.Random(seed)
    texts = chance.sample(PROSE, n)
    before = [reworded(text, chance) for text in texts]
    now = [reworded(text, chance) for text in texts]
    if style:
        now = [STYLES[style](t) if chance.random() < some else t for t in now]
    return find_change(before, now, alpha=0.05).changed


def reworded(text: str, chance: random.Random) -> str:
    """Return *text* with words that change places, are left out or come twice."""
    words = text.split(" ")
    for i in range(len(words) - 1):
        if chance.random() < 0.05:
            words[i], words[i + 1] = words[i + 1], words[i]
        if chance.random() < 0.03:
            words[i] = chance.choice(["", f"{words[i]} {words[i]}"])
    return " ".join(words)


def covered(found: list[Any], truth: float, worlds: int) -> float:
    """Return in how many worlds the interval has the *truth* in it."""
    return sum(each.low <= truth <= each.high for each in found) / worlds


def width(found: list[Any]) -> float:
    """Return how wide the intervals are on average."""
    return sum(each.high - each.low for each in found) / len(found)


def shares(found: Counter, worlds: int) -> str:
    """Return the shares of the three outcomes."""
    return ", ".join(
        f"{name} {found[name] / worlds:.1%}"
        for name in ("passed", "failed", "inconclusive")
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--part", default="", help="such as gate; all if left out")
    wish = parser.parse_args()
    main(wish.worlds, wish.part)
