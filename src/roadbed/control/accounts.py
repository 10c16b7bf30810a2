"""Keys for the service accounts that the stack declares, and for no others."""

import sqlalchemy as sa

from roadbed.control.state import current_resources
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Conflict, NotFound
from roadbed.core.resource import tenant_of
from roadbed.identity.keys import NewKey, create_key


def make_key(
    connection: sa.Connection,
    account: str,
    *,
    now_us: int,
    lifetime_us: int,
    created_by: str,
    tenant: str = DEFAULT_TENANT,
) -> NewKey:
    """Make a key for *account* of *tenant* in the caller's transaction.

    Raises NotFound, naming those that are, if the tenant declares no such account,
    and Conflict if it is declared to have no keys.
    """
    declared = {
        found.name: found.content["spec"].get("keys", False)
        for found in current_resources(connection).of("ServiceAccount")
        if tenant_of(found.content) == tenant
    }
    if account not in declared:
        raise NotFound(
            f"no service account is called {account[:80]!r}",
            hint=f"declared: {', '.join(declared)}",
        )
    if not declared[account]:
        raise Conflict(
            f"{account} may not have keys",
            hint="let a Federation name it, or declare it with `keys: true`",
        )
    return create_key(
        connection,
        account,
        now_us=now_us,
        lifetime_us=lifetime_us,
        created_by=created_by,
    )
