"""Withdraws a model version for good, once nothing serves it any more."""

import sqlalchemy as sa

from roadbed.audit.log import hold
from roadbed.control.answering import answering
from roadbed.control.readable import pins_of
from roadbed.control.state import Revision, current_resources
from roadbed.core.errors import Conflict
from roadbed.core.reference import VersionRef
from roadbed.database.tables import bump
from roadbed.registry.approvals import Withdrawal, withdraw
from roadbed.rollouts.store import newest_of_each


def withdraw_version(
    connection: sa.Connection, ref: VersionRef, actor: str, reason: str, now_us: int
) -> Withdrawal:
    """Withdraw *ref* in the caller's transaction and return the record.

    Raises Conflict, naming them, while endpoints pin or serve it, or if it is withdrawn
    already; NotFound if there is no such version.
    """
    hold(connection)  # From here on nobody else applies.
    newest = newest_of_each(connection)
    endpoints = current_resources(connection).of("Endpoint")
    _must_be_free(ref, "pinned", [e for e in endpoints if ref in pins_of(e.content)])
    serving = [e for e in endpoints if ref in answering(e.content, newest.get(e.name))]
    _must_be_free(ref, "served", serving)
    made = withdraw(connection, ref, actor, reason, now_us)
    bump(connection, "serving")
    return made


def _must_be_free(ref: VersionRef, how: str, endpoints: list[Revision]) -> None:
    if endpoints:
        names = ", ".join(endpoint.name for endpoint in endpoints)
        ended = "end its rollout there" if how == "served" else "pin another version"
        raise Conflict(
            f"{ref} is {how} by endpoint {names}",
            hint=f"{ended} first" + (", and apply" if how == "pinned" else ""),
        )
