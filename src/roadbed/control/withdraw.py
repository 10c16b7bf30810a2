"""Withdraws a model version for good, once nothing serves it any more."""

import sqlalchemy as sa

from roadbed.audit.log import hold
from roadbed.control.readable import pins_of
from roadbed.control.state import current_resources
from roadbed.core.errors import Conflict
from roadbed.core.reference import VersionRef
from roadbed.database.tables import bump
from roadbed.registry.approvals import Withdrawal, withdraw


def withdraw_version(
    connection: sa.Connection, ref: VersionRef, actor: str, reason: str, now_us: int
) -> Withdrawal:
    """Withdraw *ref* in the caller's transaction and return the record.

    Raises Conflict, naming them, while endpoints pin it, or if it is withdrawn
    already; NotFound if there is no such version.
    """
    hold(connection)  # From here on nobody else applies.
    pinning = [
        endpoint.name
        for endpoint in current_resources(connection).of("Endpoint")
        if ref in pins_of(endpoint.content)
    ]
    if pinning:
        raise Conflict(
            f"{ref} is pinned by endpoint {', '.join(pinning)}",
            hint="pin another version there first, and apply",
        )
    made = withdraw(connection, ref, actor, reason, now_us)
    bump(connection, "serving")
    return made
