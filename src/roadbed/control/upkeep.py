"""Looks after golden sets: finds what they are asked by, and where they leak."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.control.quality import live_evaluations
from roadbed.core.errors import Invalid, RoadbedError
from roadbed.core.reference import parse
from roadbed.data.datasets import Datasets
from roadbed.data.lineage import MADE_BY, READ
from roadbed.data.tables import edges
from roadbed.data.version import DatasetVersion
from roadbed.database.engine import Database
from roadbed.evals.alike import text_of
from roadbed.evals.case import Case
from roadbed.evals.cases import read_cases
from roadbed.evals.kinds import Cases
from roadbed.evals.upkeep import Finding, Limits, leaking, look
from roadbed.gateway.alerts import Alert, clear_others, raise_alert
from roadbed.registry.approvals import withdrawn

CODE = "golden-set"
MAX_SETS = 50
MAX_CASES = 50_000
_TEXT_COLUMNS = 20
_HELD_OUT = ("test", "eval", "valid", "golden", "hold")
"""How roles begin in which a run reads what it does not train on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in a golden set of so many cases, against so many trainings."""

    version: str
    cases: int
    trained_on: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Checks golden sets on one line."""

    database: Database
    datasets: Datasets

    def check(
        self, version: DatasetVersion, cases: Cases, limits: Limits, now_us: int
    ) -> Checked:
        """Return what is to be looked at in *version*; raise Invalid for no cases.

        Leaks are looked for in the newest fifty dataset versions that models were
        trained on, each by one statement.
        """
        if version.rows > MAX_CASES:
            raise Invalid(f"{version} has {version.rows:,} rows; {MAX_CASES:,} at most")
        read = list(read_cases(self.datasets, version, cases))
        with self.database.read() as connection:
            gone = {str(ref) for ref in withdrawn(connection)}
            trained = trained_on(connection)
        found = look(read, version.created_us, now_us, limits, gone.__contains__)
        leaks = list(self._leaks(read, cases, trained))
        return Checked(
            version=str(version),
            cases=len(read),
            trained_on=tuple(trained),
            findings=(*leaks, *found),
        )

    def _leaks(
        self, read: Sequence[Case], cases: Cases, trained: Sequence[str]
    ) -> Iterator[Finding]:
        for name in trained:
            try:
                version = self.datasets.get(parse(name))
                alternatives, rows = _asked(version, cases, read)
                paths = self.datasets.paths(version)
                places = self.datasets.tables.found(paths, alternatives, rows)
            except RoadbedError:
                continue  # Erased or withdrawn: then nobody can compare any more.
            if (leak := leaking(read, places, name)) is not None:
                yield leak

    def watch(self, now_us: int) -> int:
        """Check what live evaluations pin, and raise alerts; return how many."""
        messages: dict[str, Alert] = {}
        with self.database.read() as connection:
            live = live_evaluations(connection)
        for each in live:
            cases = each.spec.cases
            try:
                version = self.datasets.get(parse(cases.dataset))
                limits = Limits(slices=tuple(each.spec.slices))
                found = self.check(version, cases, limits, now_us).findings
            except RoadbedError:
                continue
            for finding in found:
                alert = _alert(each.name, cases.dataset, finding)
                messages[alert.message] = alert
        with self.database.write() as connection:
            for alert in messages.values():
                raise_alert(connection, alert, now_us)
            clear_others(connection, CODE, list(messages), now_us)
        return len(messages)


def cases_of(connection: sa.Connection, version: str) -> tuple[Cases, Limits]:
    """Return how a golden set is read: as an evaluation says that pins it, or some
    version of it, else by the usual names."""
    name = version.partition("@")[0]
    live = [e.spec for e in live_evaluations(connection)]
    mine = [s for s in live if s.cases.dataset == version]
    mine += [s for s in live if s.cases.dataset.partition("@")[0] == name]
    if not mine:
        return Cases(dataset=version), Limits()
    return mine[0].cases, Limits(slices=tuple(mine[0].slices))


def trained_on(connection: sa.Connection) -> list[str]:
    """Return the dataset versions that models were trained on, at most fifty.

    A run that made a model read them, in another role than to test it.
    """
    made = sa.select(edges.c.dst).where(
        edges.c.kind == MADE_BY, edges.c.src.like("model:%")
    )
    query = sa.select(edges.c.dst, edges.c.role).where(
        edges.c.kind == READ,
        edges.c.src.in_(made),
        edges.c.dst.like("dataset:%"),
    )
    rows = connection.execute(query.order_by(edges.c.src.desc())).all()
    found = [
        row.dst.partition(":")[2]
        for row in rows
        if not row.role.lower().startswith(_HELD_OUT)
    ]
    return list(dict.fromkeys(found))[:MAX_SETS]


def _asked(
    version: DatasetVersion, cases: Cases, read: Sequence[Case]
) -> tuple[list[list[str]], list[list[Any]]]:
    """Return the columns to look in, and what is looked for: features, or a text."""
    known = {column.name: column.datatype for column in version.schema}
    names = cases.input
    if not isinstance(names, str):
        there = all(name in known for name in names)
        return ([names] if there else []), [[c.input[n] for n in names] for c in read]
    texts = [name for name, kind in known.items() if kind == "VARCHAR"]
    return [[n] for n in texts[:_TEXT_COLUMNS]], [[_question(c.input)] for c in read]


def _question(asked: Any) -> str:
    """Return what a case asks as one text: of messages the last of the user's."""
    if isinstance(asked, list):
        turns = [t for t in asked if isinstance(t, dict) and t.get("role") == "user"]
        return text_of(turns[-1] if turns else asked)
    return text_of(asked)


def _alert(evaluation: str, dataset: str, finding: Finding) -> Alert:
    detail = {
        "evaluation": evaluation,
        "finding": finding.what,
        "count": finding.count,
        "cases": list(finding.cases),
    }
    message = f"golden set {dataset}: {finding.what}: {finding.message}"
    severity = "critical" if finding.wrong else "warning"
    return Alert(code=CODE, message=message, severity=severity, detail=detail)
