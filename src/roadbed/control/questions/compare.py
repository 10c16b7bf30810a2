"""Collect what two versions, or two runs, were made of, and compare field by field."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadbed.control.questions import differ
from roadbed.control.questions.causes import rank
from roadbed.control.questions.changes import Change, Changes, Section
from roadbed.control.questions.evaluations import evaluation_section
from roadbed.core.digest import digest_of
from roadbed.core.errors import RoadbedError
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import Datasets, DatasetVersion
from roadbed.data.diff import schema_diff
from roadbed.data.shift import Shift, shifts
from roadbed.database.engine import Database
from roadbed.evals.reports.store import Report
from roadbed.ports.blobs import Blobs
from roadbed.ports.code import Code, Tree
from roadbed.registry.recipe import recipe_of
from roadbed.registry.runs import Input, Run, Runs
from roadbed.registry.versions import Registered, get_version

LARGEST = 1_000_000
"""How many cells of a dataset are compared by value; of more only what is recorded."""

_MEASURES = ("test", "evaluation")
_HEAD = re.compile(r"^diff --git a/(?P<old>.+) b/(?P<new>.+)$", re.M)
_TEXT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: a run, and the version that it made, where there are such."""

    name: str
    run: Run | None = None
    version: Registered | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        """Return what the version is defined as."""
        return self.version.body if self.version else {}


@dataclass(frozen=True, slots=True)
class Comparer:
    """Says what changed between two model versions, or two runs.

    `may` says whether whoever asks may see a dataset: one that they may not see is
    named by nothing but that it differs. `may_report` says so of evaluations' reports;
    of those that they may not see nothing is said.
    """

    database: Database
    datasets: Datasets
    runs: Runs
    blobs: Blobs
    code: Code
    may: Callable[[str], bool] = lambda name: True
    may_report: Callable[[Report], bool] = lambda report: True

    def of_versions(self, left: VersionRef, right: VersionRef) -> Changes:
        """Compare two versions; raise NotFound."""
        return self._changes(self._version_side(left), self._version_side(right))

    def of_runs(self, left: str, right: str) -> Changes:
        """Compare two runs by their ids; raise NotFound."""
        sides = [
            Side(name=run.id, run=run) for run in map(self.runs.get, (left, right))
        ]
        return self._changes(*sides)

    def _version_side(self, ref: VersionRef) -> Side:
        with self.database.read() as connection:
            version = get_version(connection, ref)
        run_id = str(version.body.get("run") or version.run_id or "")
        run = self.runs.get(run_id) if run_id else None
        return Side(name=str(ref), run=run, version=version)

    def _changes(self, left: Side, right: Side) -> Changes:
        sections = tuple(self._sections(left, right))
        metrics = [side.run.metrics if side.run else {} for side in (left, right)]
        effects = differ.effects(*metrics)
        causes, notes = rank(sections, effects)
        return Changes(
            left=left.name,
            right=right.name,
            effects=effects,
            causes=causes,
            sections=sections,
            notes=notes,
            facts=_facts(left, right),
        )

    def _sections(self, left: Side, right: Side) -> Iterator[Section]:
        before, after = left.run, right.run
        if left.version and right.version:
            kinds = {left.version.kind, right.version.kind}
            if "hosted" in kinds:
                yield differ.hosted(left.body, right.body)
        if before and after:
            yield self._data(before, after, {*left.body.get("features", ())})
            yield self._code(before, after)
            yield differ.parameters(
                before.params, after.params, (before.seed, after.seed)
            )
            yield self._environment(left, right)
            yield differ.hardware(
                before.environment.get("hardware") or {},
                after.environment.get("hardware") or {},
            )
        elif before or after:
            for name in ("data", "code", "parameters", "environment"):
                yield Section(name=name, differs=None)
        if left.body.get("features") or right.body.get("features"):
            yield differ.features(
                left.body.get("features", ()), right.body.get("features", ())
            )
        yield self._evaluation(left, right)

    def _evaluation(self, left: Side, right: Side) -> Section:
        if not left.version or not right.version:
            return Section(name="evaluation", differs=False)
        digests = left.version.digest, right.version.digest
        with self.database.read() as connection:
            return evaluation_section(connection, digests, self.may_report)

    def _data(self, left: Run, right: Run, features: set[str]) -> Section:
        pairs = _paired(left.data, right.data)
        changes = [
            change
            for role, before, after in pairs
            if (change := self._dataset(role, before, after, features))
        ]
        lines = [line for change in changes for line in change.told.split("; ")]
        return Section(
            name="data",
            differs=bool(changes),
            lines=tuple(lines),
            changes=tuple(changes),
        )

    def _dataset(
        self, role: str, before: Input | None, after: Input | None, features: set[str]
    ) -> Change | None:
        if before and after and before.digest == after.digest:
            return None
        hidden = [u for u in (before, after) if u and not self.may(u.dataset)]
        weight, because = _role(role)
        told = f"{role}: {before or 'nothing'} → {after or 'nothing'}"
        if hidden:
            return _data_change(f"{role} data", f"{role} data differs", None, role)
        if not before or not after:
            subject = str(before or after)
            return Change(
                kind="data",
                subject=subject,
                told=told,
                share=1.0,
                weight=weight,
                because=because,
            )
        share, details = self._shift(before, after, features)
        told = "; ".join([told, *details])
        return _data_change(f"{before} → {after}", told, share, role)

    def _shift(
        self, before: Input, after: Input, features: set[str]
    ) -> tuple[float | None, list[str]]:
        """Return how much of the data moved, at least, and in words what did."""
        try:
            left, right = (
                self.datasets.get(VersionRef(used.dataset, used.number))
                for used in (before, after)
            )
            return self._moved(left, right, features)
        except RoadbedError as error:
            return None, [error.message]

    def _moved(
        self, left: DatasetVersion, right: DatasetVersion, features: set[str]
    ) -> tuple[float | None, list[str]]:
        told, shares = _schema(left, right)
        if left.rows != right.rows:
            told.append(f"rows {left.rows:,} → {right.rows:,}")
            shares.append(abs(left.rows - right.rows) / max(left.rows, right.rows))
        if max(left.rows, right.rows) * left.columns > LARGEST:
            told.append("values were not compared: the data is large")
            return (max(shares) if shares else None), told
        found = shifts(*self.datasets.columns_of_each(left, right))
        moved = [shift for shift in found if shift.moved > 0]
        moved.sort(key=lambda shift: shift.column not in features)
        for shift in moved[:5]:
            kind = "" if not features or shift.column in features else " (no feature)"
            told.append(f"{shift.column}{kind}: {shift.moved:.0%} moved, {shift.told}")
        if len(moved) > 5:
            told.append(f"{len(moved) - 5} more columns moved less")
        if not moved and not shares:
            told.append("the same values in another order")
        reached = [s.moved for s in moved if not features or _matters(s, features)]
        return max([*shares, *reached], default=0.0), told

    def _code(self, left: Run, right: Run) -> Section:
        if not left.code.get("commit") or not right.code.get("commit"):
            return Section(name="code", differs=None)
        if _same_code(left, right):
            return Section(name="code", differs=False)
        told = f"{_commit(left)} → {_commit(right)}"
        touched = {
            name
            for how in (recipe_of(left), recipe_of(right))
            for name in (how.entry, *how.modules)
            if name
        }
        try:
            text = self.code.diff(self.tree(left), self.tree(right))
        except RoadbedError as error:
            return differ.code(None, touched, "", f"{told} ({error.message})")
        files = {**_lines(text), **_untracked(left, right)}
        return differ.code(files, touched, text[:_TEXT], told)

    def tree(self, run: Run) -> Tree:
        """Return the code of *run* as it was kept; raise NotFound or Corrupt."""
        code = run.code
        patch = str(code.get("patch") or "")
        return Tree(
            commit=str(code["commit"]),
            bundle=self.blobs.path(str(code.get("bundle") or "")),
            patch=b"".join(self.blobs.get(patch)) if patch else b"",
            files={
                name: b"".join(self.blobs.get(digest))
                for name, digest in recipe_of(run).files.items()
            },
        )

    def _environment(self, left: Side, right: Side) -> Section:
        assert left.run and right.run
        before, after = left.run.environment, right.run.environment
        if before.get("lock") and before.get("lock") == after.get("lock"):
            locks = ({}, {})
        else:
            locks = (self._lock(before), self._lock(after))
        made = {*left.body.get("made_from", ()), *right.body.get("made_from", ())}
        return differ.environment(before, after, locks, made or _USUAL)

    def _lock(self, environment: Mapping[str, Any]) -> dict[str, str] | None:
        digest = str(environment.get("lock") or "")
        try:
            text = b"".join(self.blobs.get(digest)).decode("utf-8", "replace")
        except RoadbedError:
            return None
        pairs = (line.partition("==") for line in text.splitlines())
        return {name: version for name, equals, version in pairs if equals}


_USUAL = frozenset(
    {
        *("scikit-learn", "lightgbm", "xgboost", "torch", "tensorflow", "jax"),
        *("numpy", "scipy", "pandas", "polars", "transformers", "skl2onnx"),
    }
)
"""What models are made with, where the version does not say."""


def _paired(
    left: tuple[Input, ...], right: tuple[Input, ...]
) -> Iterator[tuple[str, Input | None, Input | None]]:
    """Yield what both sides read for the same role, and dataset, one with the other."""
    before = {(used.role, used.dataset): used for used in left}
    after = {(used.role, used.dataset): used for used in right}
    for key in sorted({*before, *after}):
        yield key[0], before.get(key), after.get(key)


def _data_change(subject: str, told: str, share: float | None, role: str) -> Change:
    weight, because = _role(role)
    return Change(
        kind="data",
        subject=subject,
        told=told,
        share=share,
        weight=weight,
        because=because,
    )


def _role(role: str) -> tuple[float, str]:
    if role in _MEASURES:
        return 0.95, "the metric was measured on other data"
    return 1.0, "the model was trained on other data"


def _matters(shift: Shift, features: set[str]) -> bool:
    """Say whether a column is read: as a feature, or maybe as what is predicted."""
    return shift.column in features or shift.column in _LABELS


_LABELS = frozenset({"target", "label", "y", "class", "outcome"})
"""What the column that is predicted is often called; nobody declares it."""


def _schema(
    left: DatasetVersion, right: DatasetVersion
) -> tuple[list[str], list[float]]:
    found = schema_diff(left.schema, right.schema)
    told = [f"column {column.name} is gone" for column in found.removed]
    told += [f"column {column.name} is new" for column in found.added]
    told += [
        f"column {each.name}: {each.left} → {each.right}" for each in found.retyped
    ]
    gone = len(found.removed) + len(found.added)
    return told, [gone / (left.columns + len(found.added))] if gone else []


def _same_code(left: Run, right: Run) -> bool:
    names = ("commit", "patch")
    return all(left.code.get(n) == right.code.get(n) for n in names) and (
        digest_of(left.code.get("untracked", []))
        == digest_of(right.code.get("untracked", []))
    )


def _commit(run: Run) -> str:
    commit = str(run.code["commit"])[:12]
    return f"{commit} with changes" if run.code.get("dirty") else commit


def _lines(text: str) -> dict[str, int]:
    """Return how many lines of each file a unified diff adds and removes."""
    found = {}
    heads = list(_HEAD.finditer(text))
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        lines = text[head.end() : end].splitlines()
        marks = [n for n in lines if n[:1] in "+-" and not n.startswith(("+++", "---"))]
        found[head["new"]] = len(marks)
    return found


def _untracked(left: Run, right: Run) -> dict[str, int]:
    """Return the files that no commit holds and that differ."""
    sides = [
        {item["path"]: item["digest"] for item in run.code.get("untracked", ())}
        for run in (left, right)
    ]
    names = {*sides[0], *sides[1]}
    return {n: 0 for n in names if sides[0].get(n) != sides[1].get(n)}


def _facts(left: Side, right: Side) -> dict[str, tuple[str, str]]:
    sides = (left, right)
    runs = [side.run for side in sides]
    return {
        "run": _pair(run.id if run else "" for run in runs),
        "by": _pair(run.actor if run else "" for run in runs),
        "commit": _pair(str(run.code.get("commit", "")) if run else "" for run in runs),
    }


def _pair(values: Iterator[str]) -> tuple[str, str]:
    left, right = values
    return left, right
