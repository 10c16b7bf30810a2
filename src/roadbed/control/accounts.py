"""Keys for the service accounts that the stack declares, and for no others."""

import sqlalchemy as sa

from roadbed.access.keys import NewKey, create_key
from roadbed.control.state import current_resources
from roadbed.core.errors import NotFound


def make_key(
    connection: sa.Connection,
    account: str,
    *,
    now_us: int,
    lifetime_us: int,
    created_by: str,
) -> NewKey:
    """Make a key for *account* in the caller's transaction.

    Raises NotFound, naming those that are, if no such account is declared.
    """
    declared = [a.name for a in current_resources(connection).of("ServiceAccount")]
    if account not in declared:
        raise NotFound(
            f"no service account is called {account[:80]!r}",
            hint=f"declared: {', '.join(declared)}",
        )
    return create_key(
        connection,
        account,
        now_us=now_us,
        lifetime_us=lifetime_us,
        created_by=created_by,
    )
