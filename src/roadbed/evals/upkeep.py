"""Is a golden set still worth its name? Findings, as a function of its cases.

Sets age in silence: what they ask is asked no more, a slice is too small to say
anything, a case is in the training data. Each finding names cases to look at.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from roadbed.core.digest import digest_of
from roadbed.evals.alike import key_of, near, text_of
from roadbed.evals.case import Case

What = Literal[
    "stale", "gone", "unbalanced", "small slice", "unlabelled", "duplicate",
    "contradiction", "near-duplicate", "leaking",
]  # fmt: skip
WRONG: frozenset[What] = frozenset({"contradiction", "leaking"})
"""What makes scores wrong, and not only less telling."""
DAY_US = 86_400_000_000
_SHOWN = 20
_FEW_ANSWERS = 20
_COMPARED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on a set is stale, unbalanced, or has slices too small."""

    age_days: int = 180
    old_share: float = 0.5
    top_share: float = 0.9
    slice_cases: int = 30
    unlabelled_share: float = 0.05
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at, in how many cases, and some of their ids."""

    what: What
    message: str
    count: int
    cases: tuple[str, ...] = ()

    @property
    def wrong(self) -> bool:
        """Say whether scores are wrong because of it."""
        return self.what in WRONG


@dataclass(slots=True)
class _Seen:
    """What is remembered of the cases, one after the other."""

    old: list[str] = field(default_factory=list)
    gone: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unlabelled: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    keys: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    texts: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0


def look(
    cases: Iterable[Case],
    made_us: int,
    now_us: int,
    limits: Limits,
    gone: Callable[[str], bool] = lambda model: False,
) -> list[Finding]:
    """Return what there is to look at, what makes scores wrong first.

    A case is as old as its provenance says (`added_us`), else as the version, which
    was made at *made_us*. *gone* says whether a model version is no more.
    """
    seen = _Seen()
    for case in cases:
        _note(seen, case, made_us, now_us - limits.age_days * DAY_US, gone)
    found = [
        *_repeated(seen),
        *_aged(seen, limits),
        *_balance(seen, limits),
        *_nearly(seen),
    ]
    return sorted(found, key=lambda each: not each.wrong)


def leaking(cases: Sequence[Case], places: Iterable[int], where: str) -> Finding | None:
    """Return the finding that these *places* are in the training data *where*."""
    ids = [cases[place].id for place in sorted(places)]
    if not ids:
        return None
    return _finding(
        "leaking",
        f"{len(ids)} of {len(cases)} cases are in {where}, that a model was trained on",
        ids,
    )


def _note(
    seen: _Seen, case: Case, made_us: int, oldest_us: int, gone: Callable[[str], bool]
) -> None:
    seen.total += 1
    added = case.provenance.get("added_us", made_us)
    if isinstance(added, int) and added < oldest_us:
        seen.old.append(case.id)
    model = case.provenance.get("model")
    if isinstance(model, str) and model and gone(model):
        seen.gone[model].append(case.id)
    if case.expected is None:
        seen.unlabelled.append(case.id)
    else:
        seen.answers[_told(case.expected)] += 1
    seen.tags.update(case.tags)
    seen.keys[key_of(case.input)].append((case.id, digest_of(case.expected)))
    if len(seen.texts) < _COMPARED:
        seen.texts.append((case.id, text_of(case.input)))


def _repeated(seen: _Seen) -> Iterable[Finding]:
    same = [each for each in seen.keys.values() if len(each) > 1]
    odd = [each for each in same if len({expected for _, expected in each}) > 1]
    if odd:
        ids = [name for each in odd for name, _ in each]
        told = f"{len(odd)} questions stand there with different right answers"
        yield _finding("contradiction", told, ids)
    plain = [name for each in same if each not in odd for name, _ in each[1:]]
    if plain:
        told = f"{len(plain)} cases repeat another one, and count twice"
        yield _finding("duplicate", told, plain)


def _aged(seen: _Seen, limits: Limits) -> Iterable[Finding]:
    if seen.total and len(seen.old) / seen.total > limits.old_share:
        told = (
            f"{len(seen.old)} of {seen.total} cases are older than "
            f"{limits.age_days} days"
        )
        yield _finding("stale", told, seen.old)
    for model, ids in sorted(seen.gone.items()):
        told = f"{len(ids)} cases are from {model}, which is no more"
        yield _finding("gone", told, ids)
    if seen.total and len(seen.unlabelled) / seen.total > limits.unlabelled_share:
        told = f"{len(seen.unlabelled)} of {seen.total} cases have no right answer"
        yield _finding("unlabelled", told, seen.unlabelled)


def _balance(seen: _Seen, limits: Limits) -> Iterable[Finding]:
    labelled = sum(seen.answers.values())
    if labelled and 1 < len(seen.answers) <= _FEW_ANSWERS:
        answer, times = seen.answers.most_common(1)[0]
        if times / labelled > limits.top_share:
            told = f"{times} of {labelled} right answers are {answer[:60]}"
            yield Finding(what="unbalanced", message=told, count=times)
    for tag in limits.slices or sorted(seen.tags):
        if (has := seen.tags[tag]) < limits.slice_cases:
            told = f"the slice {tag!r} has {has} cases, too few for a verdict"
            yield Finding(what="small slice", message=told, count=has)


def _nearly(seen: _Seen) -> Iterable[Finding]:
    ids = [name for name, _ in seen.texts]
    exact = {name for each in seen.keys.values() for name, _ in each[1:]}
    alike = [ids[at] for at, _ in near([text for _, text in seen.texts])]
    alike = [name for name in alike if name not in exact]
    if alike:
        told = f"{len(alike)} cases are nearly the same as another one"
        if seen.total > len(seen.texts):
            told += f", of the first {len(seen.texts):,}"
        yield _finding("near-duplicate", told, alike)


def _finding(what: What, message: str, ids: Sequence[str]) -> Finding:
    shown = tuple(ids[:_SHOWN])
    return Finding(what=what, message=message, count=len(ids), cases=shown)


def _told(expected: Any) -> str:
    return expected if isinstance(expected, str) else text_of(expected)
