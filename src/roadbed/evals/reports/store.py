"""Reports: kept as blobs, found by rows, borne out by the audit log."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.digest import canonical
from roadbed.core.errors import NotFound
from roadbed.evals.running.keys import Subject
from roadbed.evals.running.rows import Row, read_rows
from roadbed.evals.running.tables import reports
from roadbed.ports.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as lists show it; `read` returns all of it."""

    digest: str
    subject: Subject
    run: str
    complete: bool
    summary: Mapping[str, Any]
    actor: str
    at_us: int
    tenant: str = DEFAULT_TENANT


def keep(blobs: Blobs, said: Mapping[str, Any], tenant: str) -> Report:
    """Put the whole report *said*, and return what a row of it says."""
    digest = blobs.put([canonical(said)])
    return Report(
        digest=digest,
        subject=Subject(**said["subject"]),
        run=said["run"],
        complete=said["complete"],
        summary=summary_of(said),
        actor=said["actor"],
        at_us=said["at_us"],
        tenant=tenant,
    )


def add(connection: sa.Connection, report: Report) -> None:
    """Write *report* down, in the audit log too; once for each digest."""
    hold(connection)
    same = sa.select(reports.c.digest).where(reports.c.digest == report.digest)
    if connection.execute(same).first() is not None:
        return
    connection.execute(reports.insert().values(_row(report)))
    subject = report.subject
    detail = {
        "report": report.digest,
        "version": subject.version,
        "version_digest": subject.version_digest,
        "evaluation_digest": subject.evaluation_digest,
        "complete": report.complete,
    }
    name = f"Evaluation/{subject.evaluation}"
    append(
        connection,
        report.at_us,
        Entry(report.actor, "evaluation.run", name, detail=detail),
    )


def newest(
    connection: sa.Connection, subject: Subject, *, complete: bool = True
) -> Report | None:
    """Return the newest report on *subject*, None if there is none."""
    query = sa.select(reports)
    for name, value in subject.row().items():
        query = query.where(reports.c[name] == value)
    if complete:
        query = query.where(reports.c.complete)
    row = connection.execute(query.order_by(*_NEWEST).limit(1)).mappings().first()
    return None if row is None else _read(row)


def newest_of(connection: sa.Connection, evaluation: str) -> Report | None:
    """Return the newest report of the evaluation called so, None if there is none."""
    query = sa.select(reports).where(reports.c.evaluation == evaluation)
    row = connection.execute(query.order_by(*_NEWEST).limit(1)).mappings().first()
    return None if row is None else _read(row)


def of_version(
    connection: sa.Connection, version_digest: str, limit: int = 200
) -> list[Report]:
    """Return the newest complete reports on the version with this digest."""
    query = sa.select(reports).where(
        reports.c.version_digest == version_digest, reports.c.complete
    )
    rows = connection.execute(query.order_by(*_NEWEST).limit(limit)).mappings()
    return [_read(row) for row in rows]


def of_evaluation(
    connection: sa.Connection, evaluation: str, tenant: str, limit: int = 200
) -> list[Report]:
    """Return the newest reports of the evaluation called so."""
    query = sa.select(reports).where(
        reports.c.evaluation == evaluation, reports.c.tenant == tenant
    )
    rows = connection.execute(query.order_by(*_NEWEST).limit(limit)).mappings()
    return [_read(row) for row in rows]


def find(connection: sa.Connection, digest: str) -> Report:
    """Return the report whose digest begins as *digest* says; raise NotFound."""
    begins = digest if digest.startswith("sha256:") else f"sha256:{digest}"
    plain = begins.replace("%", "").replace("_", "")
    query = sa.select(reports).where(reports.c.digest.startswith(plain)).limit(2)
    rows = list(connection.execute(query).mappings())
    if len(rows) != 1 or len(plain) < 15:
        raise NotFound(
            f"no report is called {digest[:80]!r}", hint="`roadbed eval list` has them"
        )
    return _read(rows[0])


def listed(
    connection: sa.Connection, tenant: str, endpoint: str = "", limit: int = 100
) -> list[Report]:
    """Return the newest reports of *tenant*, of one endpoint if it is named."""
    query = sa.select(reports).where(reports.c.tenant == tenant)
    if endpoint:
        query = query.where(reports.c.endpoint == endpoint)
    query = query.order_by(*_NEWEST).limit(limit)
    return [_read(row) for row in connection.execute(query).mappings()]


def newest_on(
    connection: sa.Connection, tenant: str, endpoint: str, which: tuple[str, str]
) -> Report | None:
    """Return the newest complete report on an endpoint; *which* is an evaluation and a
    version. None if there is none."""
    evaluation, version = which
    query = sa.select(reports).where(
        reports.c.tenant == tenant,
        reports.c.endpoint == endpoint,
        reports.c.evaluation == evaluation,
        reports.c.version == version,
        reports.c.complete,
    )
    row = connection.execute(query.order_by(*_NEWEST).limit(1)).mappings().first()
    return None if row is None else _read(row)


def read(blobs: Blobs, digest: str) -> dict[str, Any]:
    """Return the whole report; raise NotFound, or Corrupt if it was changed."""
    return json.loads(b"".join(blobs.get(digest)))


def rows(blobs: Blobs, digest: str) -> Iterator[Row]:
    """Yield what a run found of each case, in the order of the cases."""
    return read_rows(blobs.get(digest))


def summary_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a list shows of a report: its scores, and what it is based on."""
    names = ("cases", "done", "cost_nano", "hits", "take", "stopped", "dataset")
    scores = {
        name: graded["interval"] if "interval" in graded else graded["measures"][:1]
        for name, graded in said["graders"].items()
    }
    counts = {
        "failed": said["failures"]["answers"],
        "ungraded": sum(g.get("missing", 0) for g in said["graders"].values()),
    }
    digests = {name: graded["digest"] for name, graded in said["graders"].items()}
    told = {"scores": scores, "digests": digests}
    return {n: said[n] for n in names} | counts | told


_NEWEST = (reports.c.at_us.desc(), reports.c.digest)
_OWN = [c.name for c in reports.c if c.name not in Subject.__slots__]


def _row(report: Report) -> dict[str, Any]:
    return report.subject.row() | {name: getattr(report, name) for name in _OWN}


def _read(row: sa.RowMapping) -> Report:
    subject = Subject(**{name: row[name] for name in Subject.__slots__})
    return Report(subject=subject, **{name: row[name] for name in _OWN})
