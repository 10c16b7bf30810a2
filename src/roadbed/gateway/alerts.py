"""Things that went wrong and that somebody should look at."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from roadbed.gateway.tables import alerts

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to look at: `code` is for machines, `message` for people."""

    code: str
    message: str
    severity: Severity = "warning"
    detail: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    at_us: int = 0
    cleared_us: int | None = None


def raise_alert(connection: sa.Connection, alert: Alert, at_us: int) -> int:
    """Write *alert* in the caller's transaction and return its id.

    An alert that is open already, with the same code and message, is brought up
    to date instead of being written twice.
    """
    same = sa.and_(
        alerts.c.code == alert.code,
        alerts.c.message == alert.message,
        alerts.c.cleared.is_(None),
    )
    found = connection.execute(sa.select(alerts.c.id).where(same)).scalar()
    values = {"at": at_us, "severity": alert.severity, "detail": alert.detail}
    if found is not None:
        connection.execute(alerts.update().where(alerts.c.id == found).values(values))
        return found
    values |= {"code": alert.code, "message": alert.message}
    key = connection.execute(alerts.insert().values(values)).inserted_primary_key
    assert key is not None
    return key[0]


def clear_alerts(connection: sa.Connection, code: str, at_us: int) -> int:
    """Mark the open alerts with *code* as over; return how many there were."""
    open_ones = sa.and_(alerts.c.code == code, alerts.c.cleared.is_(None))
    change = alerts.update().where(open_ones).values(cleared=at_us)
    return connection.execute(change).rowcount


def clear_others(
    connection: sa.Connection, code: str, kept: Collection[str], at_us: int
) -> int:
    """Mark the open alerts with *code* as over, but for those with a message in *kept*.

    Returns how many there were.
    """
    gone = sa.and_(
        alerts.c.code == code,
        alerts.c.cleared.is_(None),
        alerts.c.message.not_in(kept),
    )
    return connection.execute(
        alerts.update().where(gone).values(cleared=at_us)
    ).rowcount


def list_alerts(
    connection: sa.Connection, *, cleared: bool = False, limit: int = 100
) -> list[Alert]:
    """Return the open alerts, newest first; with *cleared* also those that are over."""
    query = sa.select(alerts).order_by(alerts.c.at.desc(), alerts.c.id.desc())
    if not cleared:
        query = query.where(alerts.c.cleared.is_(None))
    return [_read(row) for row in connection.execute(query.limit(limit))]


def _read(row: sa.Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        at_us=row.at,
        severity=row.severity,
        code=row.code,
        message=row.message,
        detail=row.detail,
        cleared_us=row.cleared,
    )
