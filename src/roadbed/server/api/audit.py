"""The audit log: its entries, its newest checkpoint, its verdict, the whole of it."""

import tempfile
from dataclasses import replace
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from roadbed.audit.bundle import opened
from roadbed.audit.entry import Entry, Recorded
from roadbed.audit.log import AuditQuery
from roadbed.audit.report import Report
from roadbed.audit.sequencer import catch_up
from roadbed.audit.tables import checkpoints
from roadbed.audit.tar import write_tar
from roadbed.audit.verify import verify_database
from roadbed.control.custody import examine
from roadbed.core.errors import NotFound
from roadbed.server.routes import Ask, Raw, Route


class EntryFilter(BaseModel):
    """Which entries are wanted; an empty text means any."""

    model_config = ConfigDict(extra="forbid")

    actor: str = ""
    action: str = ""
    resource: str = ""
    outcome: Literal["done", "denied"] | None = None
    before: int | None = Field(default=None, ge=1, description="Exclusive number.")
    limit: int = Field(default=100, ge=1, le=1000)


class AuditEntry(BaseModel):
    """One change, or one refusal, in its place in the log."""

    seq: int
    at_us: int
    actor: str
    action: str
    resource: str
    outcome: str
    detail: dict[str, Any]
    leaf: str


class Entries(BaseModel):
    """Entries, newest first; `before` continues the list, if there may be more."""

    entries: list[AuditEntry]
    before: int | None = None


class SignedHead(BaseModel):
    """The newest checkpoint: a signed note, as C2SP writes it."""

    size: int
    root: str
    at_us: int
    note: str
    public_key: str


def entries(ask: Ask) -> Entries:
    """Search the log."""
    wanted: EntryFilter = ask.query
    found = ask.services.audit.search(
        AuditQuery(
            actor=wanted.actor,
            action=wanted.action,
            resource=wanted.resource,
            outcome=wanted.outcome,
            before_seq=wanted.before,
            limit=wanted.limit,
        )
    )
    more = found[-1].seq if len(found) == wanted.limit else None
    return Entries(entries=[_entry(e) for e in found], before=more)


def entry(ask: Ask) -> AuditEntry:
    """Return one entry."""
    return _entry(ask.services.audit.get(_seq(ask.params["seq"])))


def checkpoint(ask: Ask) -> SignedHead:
    """Return the newest checkpoint."""
    newest = sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
    with ask.services.database.read() as connection:
        row = connection.execute(newest).one_or_none()
    if row is None:
        raise NotFound("no checkpoint has been signed yet")
    return SignedHead(
        size=row.size,
        root=row.root,
        at_us=row.at_us,
        note=row.note,
        public_key=ask.services.public_key,
    )


def report(ask: Ask) -> Report:
    """Verify the log as an auditor would offline, and hold tables and blobs to it."""
    services = ask.services
    catch_up(services.database)
    told = verify_database(
        services.database,
        services.copies,
        services.public_key,
        places=services.places,
    )
    findings = examine(services.database, services.desk.blobs)
    verified = told.verified and not findings
    if verified:  # What was found damaged is left as it is, for whoever looks next.
        _note(ask, "audit.verify")
    return replace(told, verified=verified, findings=(*told.findings, *findings))


def bundle(ask: Ask) -> Raw:
    """Return everything that a verification needs, in one file."""
    services = ask.services
    _note(ask, "audit.export")
    services.audit.checkpoint()
    with (
        opened(services.database, services.copies, services.places) as whole,
        tempfile.TemporaryFile(prefix="roadbed-") as file,
    ):
        write_tar(file, whole, services.public_key)
        file.seek(0)
        body = file.read()
    return Raw(content_type=TAR, body=body, filename="roadbed-audit.tar")


def proof(ask: Ask) -> Raw:
    """Return the proof of one entry, to be verified offline."""
    seq = _seq(ask.params["seq"])
    body = str(ask.services.audit.prove(seq)).encode()
    name = f"{seq}.tlog-proof"
    return Raw(content_type="text/plain; charset=utf-8", body=body, filename=name)


def _note(ask: Ask, action: str) -> None:
    """Leave on the log who looked at it as a whole."""
    ask.services.audit.record(Entry(ask.actor, action, "Audit/log"))


def _seq(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise NotFound(f"the audit log has no entry {text[:40]!r}")
    return int(text)


def _entry(recorded: Recorded) -> AuditEntry:
    return AuditEntry(
        seq=recorded.seq,
        at_us=recorded.at_us,
        actor=recorded.actor,
        action=recorded.action,
        resource=recorded.resource,
        outcome=recorded.outcome,
        detail=dict(recorded.detail),
        leaf=recorded.leaf,
    )


TAR = "application/x-tar"
ROUTES = (
    Route(
        method="GET",
        path="/api/v1/audit/entries",
        action="audit.read",
        handler=entries,
        summary="Search the audit log, newest first",
        answer=Entries,
        query=EntryFilter,
        tag="audit",
    ),
    Route(
        method="GET",
        path="/api/v1/audit/entries/{seq}",
        action="audit.read",
        handler=entry,
        summary="Show one entry",
        answer=AuditEntry,
        tag="audit",
    ),
    Route(
        method="GET",
        path="/api/v1/audit/entries/{seq}/proof",
        action="audit.read",
        handler=proof,
        summary="Download the proof of one entry, to be verified offline",
        answer=Raw,
        tag="audit",
    ),
    Route(
        method="GET",
        path="/api/v1/audit/checkpoint",
        action="audit.read",
        handler=checkpoint,
        summary="Show the newest signed checkpoint",
        answer=SignedHead,
        tag="audit",
    ),
    Route(
        method="GET",
        path="/api/v1/audit/verify",
        action="audit.verify",
        handler=report,
        summary="Verify the log",
        answer=Report,
        tag="audit",
    ),
    Route(
        method="GET",
        path="/api/v1/audit/bundle",
        action="audit.verify",
        handler=bundle,
        summary="Download the log, to be verified offline",
        answer=Raw,
        raw_type=TAR,
        tag="audit",
    ),
)
