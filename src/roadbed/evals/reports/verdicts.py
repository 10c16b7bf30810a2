"""What gates said, written down; and who waived what, until when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.digest import canonical
from roadbed.core.errors import Denied, Invalid
from roadbed.core.ids import Uuid7
from roadbed.database.upsert import upsert
from roadbed.evals.running.keys import Subject
from roadbed.evals.running.tables import verdicts, waivers
from roadbed.ports.blobs import Blobs
from roadbed.registry.approvals import made_by

LONGEST_US = 90 * 24 * 3600 * 1_000_000
"""The longest that a waiver holds."""
_new_id = Uuid7()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate said of a subject; `digest` names the blob that says why.

    `verdict` is passed, failed or inconclusive. `baseline` is the version that it was
    compared with, empty if none was in service.
    """

    digest: str
    subject: Subject
    verdict: str
    report: str
    baseline: str
    baseline_digest: str
    actor: str
    at_us: int
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One person's word that a version goes into production without an evaluation."""

    id: str = ""
    endpoint: str
    evaluation: str
    version: str
    version_digest: str
    actor: str
    reason: str
    at_us: int
    until_us: int
    tenant: str = DEFAULT_TENANT


def keep(blobs: Blobs, said: Mapping[str, Any], tenant: str) -> Verdict:
    """Put the whole judgement *said*, and return what a row of it says."""
    return Verdict(
        digest=blobs.put([canonical(said)]),
        subject=Subject(**said["subject"]),
        verdict=said["gate"]["outcome"],
        report=said["report"],
        baseline=said["baseline"],
        baseline_digest=said["baseline_digest"],
        actor=said["actor"],
        at_us=said["at_us"],
        tenant=tenant,
    )


def add(connection: sa.Connection, made: Verdict) -> None:
    """Write *made* down, in the audit log too."""
    hold(connection)
    row = made.subject.row() | {n: getattr(made, n) for n in _names(verdicts)}
    upsert(connection, verdicts, [row])
    detail = {
        "gate": made.digest,
        "verdict": made.verdict,
        "version": made.subject.version,
        "version_digest": made.subject.version_digest,
        "evaluation_digest": made.subject.evaluation_digest,
        "baseline": made.baseline,
    }
    name = f"Evaluation/{made.subject.evaluation}"
    entry = Entry(made.actor, "evaluation.run", name, detail=detail)
    append(connection, made.at_us, entry)


def said_of(connection: sa.Connection, subject: Subject) -> list[Verdict]:
    """Return what gates said of *subject*, newest first."""
    query = sa.select(verdicts)
    for name, value in subject.row().items():
        query = query.where(verdicts.c[name] == value)
    rows = connection.execute(query.order_by(verdicts.c.at_us.desc())).mappings()
    return [_verdict(row) for row in rows]


def waive(connection: sa.Connection, wanted: Waiver, maker: str) -> Waiver:
    """Write down that *wanted* is waived, in the log too, and return it.

    *maker* made the version, so cannot waive it: Denied. Raises Invalid for one
    without a reason, and for one that is over already or holds too long.
    """
    if not wanted.reason.strip():
        raise Invalid("a waiver says why", hint="--reason '…'")
    if made_by(maker) == made_by(wanted.actor):
        raise Denied(
            f"{wanted.actor} made {wanted.version}, so somebody else has to waive it",
            hint="ask whoever else may do evaluation.waive on it",
        )
    if not wanted.at_us < wanted.until_us <= wanted.at_us + LONGEST_US:
        raise Invalid(
            "a waiver ends in the future, within 90 days", hint="--until DATE"
        )
    hold(connection)
    made = replace(wanted, id=_new_id())
    row = {column.name: getattr(made, column.name) for column in waivers.c}
    connection.execute(waivers.insert().values(row))
    detail = {
        "waiver": made.id,
        "endpoint": wanted.endpoint,
        "version": wanted.version,
        "version_digest": wanted.version_digest,
        "reason": wanted.reason,
        "until_us": wanted.until_us,
    }
    name = f"Evaluation/{wanted.evaluation}"
    entry = Entry(wanted.actor, "evaluation.waive", name, detail=detail)
    append(connection, wanted.at_us, entry)
    return made


def waived(connection: sa.Connection, subject: Subject, now_us: int) -> list[Waiver]:
    """Return the waivers that hold now for *subject*, whoever gave them."""
    query = sa.select(waivers).where(
        waivers.c.endpoint == subject.endpoint,
        waivers.c.evaluation == subject.evaluation,
        waivers.c.version_digest == subject.version_digest,
        waivers.c.until_us > now_us,
    )
    return [Waiver(**row) for row in connection.execute(query).mappings()]


def of_report(connection: sa.Connection, report: str) -> list[Verdict]:
    """Return what gates said from the report with this digest, newest first."""
    query = sa.select(verdicts).where(verdicts.c.report == report)
    newest = query.order_by(verdicts.c.at_us.desc()).limit(20)
    return [_verdict(row) for row in connection.execute(newest).mappings()]


def read(blobs: Blobs, digest: str) -> dict[str, Any]:
    """Return the whole judgement; raise NotFound, or Corrupt if it was changed."""
    return json.loads(b"".join(blobs.get(digest)))


def list_waivers(
    connection: sa.Connection, tenant: str, limit: int = 100
) -> list[Waiver]:
    """Return the newest waivers of *tenant*, those that are over as well."""
    mine = sa.select(waivers).where(waivers.c.tenant == tenant)
    query = mine.order_by(waivers.c.at_us.desc()).limit(limit)
    return [Waiver(**row) for row in connection.execute(query).mappings()]


def _verdict(row: sa.RowMapping) -> Verdict:
    subject = Subject(**{name: row[name] for name in Subject.__slots__})
    return Verdict(subject=subject, **{name: row[name] for name in _names(verdicts)})


def _names(table: sa.Table) -> list[str]:
    return [c.name for c in table.c if c.name not in Subject.__slots__]
