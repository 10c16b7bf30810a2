"""Certificates of judges: found to agree with people, until when, and by whose word.

A judge is whatever decides how it judges: the grader and its version, its settings with
rubric and prompt, and the pinned versions of its models. If one letter of that changes
it is another judge, and has no certificate. One without may inform, and never gates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Corrupt, Invalid
from roadbed.evals.certificate_tables import certificates
from roadbed.evals.examination import shortcomings

DAY_US = 86_400_000_000
LONGEST_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The outcome of one examination of one judge. Times are UTC µs.

    `judge` is the digest of the judge and `name` what people call it; `labels` is the
    dataset version with people's labels, and `findings` the document of what `examine`
    found.
    """

    judge: str
    name: str
    labels: str
    findings: dict[str, Any]
    actor: str
    made_us: int
    expires_us: int

    @property
    def id(self) -> str:
        """The digest of the certificate."""
        return digest_of(self.document())

    def document(self) -> dict[str, Any]:
        """Return the certificate as one JSON object."""
        return {name: getattr(self, name) for name in type(self).__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a judge may gate, and why not."""

    allowed: bool
    reason: str = ""


def judge_digest(
    grader: str, version: int, config: Mapping[str, Any], models: Sequence[str]
) -> str:
    """Return the digest of a judge.

    *grader* and *version* are the name of the grader and its `VERSION`, *config* its
    settings as JSON with all defaults, *models* the digests of the pinned model
    versions that are asked, in order. Raises Invalid without models: a name that its
    owner may point elsewhere is no judge that could be certified.
    """
    if not models or not all(models):
        raise Invalid(
            "a judge is certified with the versions of its models, and one has none",
            hint="let the judge's endpoint serve a pinned version",
        )
    parts = {"grader": grader, "version": version, "config": dict(config)}
    return digest_of({**parts, "models": list(models)})


def issue(connection: sa.Connection, certificate: Certificate) -> None:
    """Record that its actor had the judge examined, in the log too.

    Also of a judge that did badly: that is worth knowing, and it does not gate. Raises
    Invalid unless it is for 1 to 365 days: models, rubrics and traffic move.
    """
    days = (certificate.expires_us - certificate.made_us) / DAY_US
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(
            f"a certificate is for 1 to {LONGEST_DAYS} days, not for {days:g}"
        )
    row = certificate.document()
    connection.execute(certificates.insert().values(id=certificate.id, **row))
    detail = {name: row[name] for name in ("judge", "labels", "made_us", "expires_us")}
    detail |= {"certificate": certificate.id, "agreement": row["findings"]["agreement"]}
    resource = f"Judge/{short(certificate.judge)}"
    entry = Entry(certificate.actor, "judge.certify", resource, detail=detail)
    append(connection, certificate.made_us, entry)


def list_certificates(connection: sa.Connection, judge: str) -> list[Certificate]:
    """Return the certificates of the judge with this digest, the newest first."""
    query = (
        sa.select(certificates)
        .where(certificates.c.judge == judge)
        .order_by(certificates.c.made_us.desc(), certificates.c.id)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [_sound(row) for row in rows]


def newest(connection: sa.Connection, judge: str) -> Certificate | None:
    """Return the newest certificate of *judge*: a later examination replaces others."""
    return next(iter(list_certificates(connection, judge)), None)


def latest(connection: sa.Connection, limit: int) -> list[Certificate]:
    """Return the newest certificates of all judges."""
    query = sa.select(certificates).order_by(
        certificates.c.made_us.desc(), certificates.c.id
    )
    rows = connection.execute(query.limit(limit)).mappings()
    return [_sound(dict(row)) for row in rows]


def valid(certificate: Certificate, now_us: int, judge: str) -> bool:
    """Return whether it is of the judge with this digest, and of this time."""
    return certificate.judge == judge and (
        certificate.made_us <= now_us < certificate.expires_us
    )


def may_gate(
    certificate: Certificate | None, now_us: int, judge: str, agreement: float
) -> Permission:
    """Return whether the *judge* may gate, and if not, why.

    *agreement* is the share of cases, declared beside the bar, in which it has to
    agree with people at least: the whole interval has to reach it.
    """
    if certificate is None or certificate.judge != judge:
        why = "it has no certificate: it, its rubric or its model may have changed"
        return Permission(False, why)
    if not valid(certificate, now_us, judge):
        return Permission(False, "its certificate expired: have it examined again")
    missing = shortcomings(certificate.findings, agreement)
    return Permission(not missing, "; ".join(missing))


def _sound(row: dict[str, Any]) -> Certificate:
    kept = row.pop("id")
    found = Certificate(**row)
    if found.id != kept:
        raise Corrupt(
            f"certificate {short(kept)} is not what was issued",
            hint="see the entry judge.certify in the audit log",
        )
    return found
