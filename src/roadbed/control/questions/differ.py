"""What differs in one field: two plain values in, a section out. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from roadbed.control.questions.changes import Change, Effect, Section
from roadbed.core.digest import short

_LOWER = ("loss", "error", "mae", "mse", "rmse", "logloss", "perplexity", "latency")
_HIGHER = ("accuracy", "auc", "f1", "precision", "recall", "score", "r2", "kappa")
_DOCS = (".md", ".rst", ".txt", ".lock", ".gitignore", "LICENSE")


def effects(
    left: Mapping[str, float], right: Mapping[str, float]
) -> tuple[Effect, ...]:
    """Return the metrics that both have, and whether each became better."""
    return tuple(
        Effect(
            metric=name,
            left=left[name],
            right=right[name],
            better=_better(name, right[name] - left[name]),
        )
        for name in sorted({*left} & {*right})
    )


def _better(name: str, delta: float) -> bool | None:
    if delta == 0:
        return None
    words = name.lower()
    if any(word in words for word in _LOWER):
        return delta < 0
    if any(word in words for word in _HIGHER):
        return delta > 0
    return None


def parameters(
    left: Mapping[str, Any], right: Mapping[str, Any], seeds: tuple[Any, Any]
) -> Section:
    """Compare parameters, and what fixed the randomness."""
    found = [
        Change(
            kind="parameters",
            subject=name,
            told=f"{name}: {_shown(left, name)} → {_shown(right, name)}",
            share=_apart(left.get(name), right.get(name)),
            weight=0.7,
            because="a parameter steers all of the training",
        )
        for name in sorted({*left, *right})
        if left.get(name) != right.get(name)
    ]
    if seeds[0] != seeds[1]:
        found.append(
            Change(
                kind="parameters",
                subject="seed",
                told=f"seed: {seeds[0]} → {seeds[1]}",
                share=None,
                weight=0.3,
                because="another seed splits and starts differently",
            )
        )
    return _section("parameters", found)


def features(left: Collection[str], right: Collection[str]) -> Section:
    """Compare the columns that the models read."""
    gone = sorted({*left} - {*right})
    new = sorted({*right} - {*left})
    told = [f"without {n}" for n in gone] + [f"with {n}" for n in new]
    if not told:
        return Section(name="features", differs=False if left or right else None)
    share = len([*gone, *new]) / max(len({*left, *right}), 1)
    change = Change(
        kind="features",
        subject="features",
        told=", ".join(told),
        share=share,
        weight=0.9,
        because="the model reads other columns",
    )
    return _section("features", [change])


def environment(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    locks: tuple[Mapping[str, str] | None, Mapping[str, str] | None],
    used: Collection[str],
) -> Section:
    """Compare Python, the platform and every library; *used* are those of the model."""
    before, after = locks
    if before is None or after is None:
        return Section(name="environment", differs=None)
    found = [
        _library(name, before.get(name, ""), after.get(name, ""), used)
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    for name in ("python", "implementation", "platform"):
        if left.get(name) != right.get(name):
            found.append(_library(name, _of(left, name), _of(right, name), ("python",)))
    return _section("environment", found)


def hardware(left: Mapping[str, Any], right: Mapping[str, Any]) -> Section:
    """Compare what was computed on."""
    if not left or not right:
        return Section(name="hardware", differs=None if left or right else False)
    found = [
        Change(
            kind="hardware",
            subject=name,
            told=f"{name}: {_shown(left, name)} → {_shown(right, name)}",
            share=None,
            weight=0.2 if name == "accelerators" else 0.1,
            because="other hardware rounds differently",
        )
        for name in sorted({*left, *right})
        if left.get(name) != right.get(name)
    ]
    return _section("hardware", found)


def code(
    files: Mapping[str, int] | None, touched: Collection[str], text: str, told: str
) -> Section:
    """Compare code: *files* are how many lines of each differ, None if not known.

    *touched* are the files that training ran.
    """
    if files is None:
        change = Change(
            kind="code",
            subject="code",
            told=told,
            share=None,
            weight=0.6,
            because="the code is not the same, and which lines is not known",
        )
        return Section(name="code", differs=True, lines=(told,), changes=(change,))
    found = [_file(name, lines, touched) for name, lines in sorted(files.items())]
    return Section(
        name="code",
        differs=bool(found),
        lines=tuple(change.told for change in found),
        changes=tuple(found),
        text=text,
    )


def hosted(left: Mapping[str, Any], right: Mapping[str, Any]) -> Section:
    """Compare what a hosted version is: upstream, prompt, parameters, context."""
    found = [
        Change(
            kind="hosted",
            subject=name,
            told=f"{name}: {_brief(left.get(name))} → {_brief(right.get(name))}",
            share=1.0 if name == "upstream" else None,
            weight=_HOSTED[name],
            because="it is part of every answer",
        )
        for name in _HOSTED
        if left.get(name) != right.get(name)
    ]
    return _section("hosted", found)


_HOSTED = {
    "upstream": 1.0,
    "prompt": 0.9,
    "context": 0.8,
    "parameters": 0.7,
    "provider": 0.5,
}


def _file(name: str, lines: int, touched: Collection[str]) -> Change:
    ran = name in touched
    docs = name.endswith(_DOCS)
    weight = 0.02 if docs else 0.8 if ran else 0.15 if touched else 0.5
    because = (
        "no program reads it"
        if docs
        else "the training ran this file"
        if ran
        else "the training did not load this file"
        if touched
        else "whether the training ran this file is not known"
    )
    return Change(
        kind="code",
        subject=name,
        told=f"{name}: {lines} lines",
        share=None,
        weight=weight,
        because=because,
    )


def _library(name: str, before: str, after: str, used: Collection[str]) -> Change:
    step = _step(before, after)
    weight = {"major": 0.7, "minor": 0.4, "patch": 0.2}[step]
    by_model = name in used
    told = f"{name} {before or 'absent'} → {after or 'absent'}"
    because = f"a {step} release of " + (
        "what the model was made with" if by_model else "something beside the model"
    )
    return Change(
        kind="environment",
        subject=name,
        told=told,
        share=None,
        weight=weight if by_model else weight / 5,
        because=because,
    )


def _step(before: str, after: str) -> str:
    old, new = before.split("."), after.split(".")
    if old[:1] != new[:1]:
        return "major"
    return "minor" if old[1:2] != new[1:2] else "patch"


def _section(name: str, found: list[Change]) -> Section:
    return Section(
        name=name,
        differs=bool(found),
        lines=tuple(change.told for change in found),
        changes=tuple(found),
    )


def _apart(left: Any, right: Any) -> float | None:
    """Return how far two numbers are apart, relatively; None for anything else."""
    plain = (int, float)
    if not isinstance(left, plain) or not isinstance(right, plain):
        return None
    largest = max(abs(left), abs(right))
    return min(1.0, abs(left - right) / largest) if largest else 0.0


def _shown(values: Mapping[str, Any], name: str) -> str:
    return _brief(values[name]) if name in values else "absent"


def _of(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "")


def _brief(value: Any) -> str:
    text = str(value)
    if text.startswith("sha256:"):
        return short(text)
    return text if len(text) <= 60 else f"{text[:59]}…"
