"""A new version of a golden set: the newest one, and what was accepted since.

Nothing is edited in place: the rows of before come first and stay as they were.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.core.digest import canonical, digest_of
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.data.datasets import Datasets
from roadbed.data.sources import Wish
from roadbed.data.version import DatasetVersion
from roadbed.evals.cases import BATCH, is_json, json_columns, plain
from roadbed.evals.golden import Candidate, Golden
from roadbed.evals.review import Settled
from roadbed.ports.tables import Stream

_ALWAYS = ("id", "input", "expected", "tags", "cluster", "provenance")
_TEXTS = ("VARCHAR", "JSON")

Accepted = Sequence[tuple[Candidate, Settled]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The version that was made, and how many cases it has more."""

    version: DatasetVersion
    added: int


def publish(golden: Golden, datasets: Datasets, name: str, actor: str) -> Published:
    """Make a new version of *name* with what was accepted; raise Conflict if nothing.

    Raises Invalid if a case does not fit the columns that the dataset has.
    """
    accepted = golden.accepted(name)
    if not accepted:
        raise Conflict(
            f"nothing new was accepted for {name}",
            hint=f"`roadbed golden review {name}` works through what waits",
        )
    before = newest(datasets, name)
    fresh = [_case(each, settled) for each, settled in accepted]
    names = _names(before, fresh)
    rows = [_fitted(case, names) for case in fresh]
    table = _Table(datasets, before, names)
    parents = (str(before),) if before else ()
    wish = Wish(key=("id",), parents=parents)
    stream = Stream(names=tuple(names), batches=table.batches(rows))
    version = datasets.snapshot(name, stream, actor, wish)
    ids = [each.id for each, _ in accepted]
    golden.published(ids, str(version), actor, _digest(golden, ids))
    return Published(version=version, added=len(ids))


def newest(datasets: Datasets, name: str) -> DatasetVersion | None:
    """Return the newest version of *name*, None if there is none yet."""
    try:
        return datasets.newest(name)
    except NotFound:
        return None


def _digest(golden: Golden, ids: Sequence[str]) -> str:
    """Return the digest of what annotators said of these candidates."""
    said = golden.labels_of(ids)
    return digest_of(
        {n: [[b.annotator, b.verdict, b.expected] for b in said[n]] for n in ids}
    )


def _case(found: Candidate, settled: Settled) -> dict[str, Any]:
    provenance = {
        "candidate": found.id,
        "reason": found.reason,
        "call": found.call_id,
        "endpoint": found.endpoint,
        "model": found.model,
        "probability": found.probability,
        "added_us": found.at_us,
        "added_by": found.actor,
    }
    return {
        "id": found.id,
        "input": found.input,
        "expected": settled.expected,
        "tags": list(found.tags) or None,
        "cluster": found.cluster or None,
        "provenance": {n: v for n, v in provenance.items() if v not in ("", None)},
    }


def _names(
    before: DatasetVersion | None, fresh: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return the columns of the new version: those of before, and what is missing."""
    names = [column.name for column in before.schema] if before else []
    wanted = list(_ALWAYS)
    if before and "input" not in names:
        wanted.remove("input")  # Features have a column each.
    if not any(case["cluster"] for case in fresh):
        wanted.remove("cluster")
    return names + [name for name in wanted if name not in names]


def _fitted(case: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    if "input" in names:
        return dict(case)
    features = case["input"]
    if not isinstance(features, dict):
        raise Invalid(
            f"case {case['id']} is no row of features",
            hint="this golden set has a column for each feature, and no column `input`",
        )
    if unknown := [name for name in features if name not in names]:
        raise Invalid(
            f"case {case['id']} has a feature {unknown[0]!r}, which is no column",
            hint=f"the columns are {', '.join(names)}"[:300],
        )
    return {**features, **{n: v for n, v in case.items() if n != "input"}}


class _Table:
    """The rows of before and the new ones, in columns that both fit."""

    def __init__(
        self, datasets: Datasets, before: DatasetVersion | None, names: list[str]
    ) -> None:
        self._tables = datasets.tables
        self._files = datasets.paths(before) if before else []
        self._names = names
        known = before.schema if before else ()
        self._typed = {c.name for c in known if _is_plain(c.datatype)}
        texts = [c.name for c in known if c.datatype in _TEXTS]
        nested = {c.name for c in known} - self._typed - set(texts)
        found = json_columns(self._tables, self._files, texts) if texts else set()
        self._said = found | nested
        self._spoken = set(texts) - found

    def batches(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[list[Any]]]:
        """Yield all rows; a column that cannot stay text becomes JSON throughout."""
        as_json = self._said | {n for n in self._names if self._must(n, rows)}
        known = [n for n in self._names if n in self._known()]
        number = 0
        if self._files:
            for batch in self._tables.rows(self._files, known, BATCH):
                shown: list[list[Any]] = []
                for row in batch:
                    number += 1
                    old = dict(zip(known, row, strict=True))
                    old.setdefault("id", str(number))
                    shown.append(
                        [self._old(n, old.get(n), as_json) for n in self._names]
                    )
                yield shown
        yield [[_new(row.get(n), n in as_json) for n in self._names] for row in rows]

    def _known(self) -> set[str]:
        return self._typed | self._said | self._spoken

    def _must(self, name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether a column of texts has to become JSON for *rows* to fit."""
        values = [row.get(name) for row in rows if row.get(name) is not None]
        if name in self._typed or not values:
            return False
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) < len(values):
            return True
        return name not in self._spoken and all(map(is_json, texts))

    def _old(self, name: str, value: Any, as_json: set[str]) -> Any:
        if value is None or name in self._typed or name not in as_json:
            return value
        if name in self._said and isinstance(value, str):
            return value
        return _new(plain(value), True)


def _new(value: Any, as_json: bool) -> Any:
    if value is None or not as_json:
        return value
    return canonical(value).decode()


def _is_plain(datatype: str) -> bool:
    nested = datatype.endswith("]") or datatype.startswith(("STRUCT", "MAP", "UNION"))
    return not nested and datatype not in _TEXTS
