"""Who vouched for a model version, and which versions were withdrawn for good."""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.errors import Conflict, Denied
from roadbed.core.reference import VersionRef
from roadbed.registry.tables import approvals, withdrawals
from roadbed.registry.versions import Registered, get_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word for one version, which its digest names. Time is UTC µs."""

    model: str
    number: int
    digest: str
    approver: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """The end of a version: it is never pinned or loaded again. Its history stays."""

    model: str
    number: int
    digest: str
    actor: str
    reason: str
    at_us: int


def approve(
    connection: sa.Connection, ref: VersionRef, approver: str, reason: str, now_us: int
) -> Approval:
    """Record that *approver* vouches for *ref*, in the log too, and return it.

    Whoever approved before gets the approval of then. Raises NotFound, Denied for
    whoever made the version, Conflict if it was withdrawn.
    """
    hold(connection)
    version = get_version(connection, ref)
    _must_live(connection, ref)
    if made_by(version.actor) == made_by(approver):
        raise Denied(
            f"{approver} made {ref}, so somebody else has to approve it",
            hint="ask whoever else may do version.approve on it",
        )
    for known in list_approvals(connection, ref):
        if known.approver == approver:
            return known
    made = Approval(
        model=ref.name,
        number=ref.number,
        digest=version.digest,
        approver=approver,
        reason=reason,
        at_us=now_us,
    )
    connection.execute(approvals.insert().values(_row(made)))
    detail = {"digest": made.digest, "approver": approver, "reason": reason}
    entry = Entry(approver, "version.approve", f"ModelVersion/{ref}", detail=detail)
    append(connection, now_us, entry)
    return made


def list_approvals(connection: sa.Connection, ref: VersionRef) -> list[Approval]:
    """Return the approvals of *ref*, oldest first."""
    query = (
        sa.select(approvals)
        .where(approvals.c.model == ref.name, approvals.c.number == ref.number)
        .order_by(approvals.c.at_us, approvals.c.approver)
    )
    return [Approval(**row) for row in connection.execute(query).mappings()]


def approvers(
    connection: sa.Connection, version: Registered, applier: str
) -> frozenset[str]:
    """Return who approved *version*, besides who made it and who applies the pin."""
    ref = VersionRef(version.model, version.number)
    own = {made_by(version.actor), made_by(applier)}
    return frozenset(
        made_by(approval.approver)
        for approval in list_approvals(connection, ref)
        if approval.digest == version.digest and made_by(approval.approver) not in own
    )


def withdraw(
    connection: sa.Connection, ref: VersionRef, actor: str, reason: str, now_us: int
) -> Withdrawal:
    """Record that *ref* is withdrawn, in the log too, and return the record.

    Whoever calls this has made sure that nothing pins it. Raises NotFound, or
    Conflict if it was withdrawn before.
    """
    hold(connection)
    version = get_version(connection, ref)
    _must_live(connection, ref)
    made = Withdrawal(
        model=ref.name,
        number=ref.number,
        digest=version.digest,
        actor=actor,
        reason=reason,
        at_us=now_us,
    )
    connection.execute(withdrawals.insert().values(_row(made)))
    detail = {"digest": made.digest, "reason": reason}
    entry = Entry(actor, "version.delete", f"ModelVersion/{ref}", detail=detail)
    append(connection, now_us, entry)
    return made


def withdrawn(connection: sa.Connection) -> frozenset[VersionRef]:
    """Return every version that was withdrawn."""
    query = sa.select(withdrawals.c.model, withdrawals.c.number)
    return frozenset(VersionRef(m, n) for m, n in connection.execute(query))


def made_by(actor: str) -> str:
    """Return for whom *actor* acted: `user:a (agent:b)` is of `user:a`."""
    return actor.partition(" (")[0]


def _must_live(connection: sa.Connection, ref: VersionRef) -> None:
    if ref in withdrawn(connection):
        raise Conflict(
            f"{ref} was withdrawn", hint="what is withdrawn stays so; make another"
        )


def _row(made: Approval | Withdrawal) -> dict[str, object]:
    return {name: getattr(made, name) for name in type(made).__dataclass_fields__}
