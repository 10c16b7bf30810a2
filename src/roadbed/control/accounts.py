"""Keys for the service accounts that the stack declares, and for no others."""

from dataclasses import replace

import sqlalchemy as sa

from roadbed.access.actions import ACTIONS
from roadbed.access.visible import Viewer, whole
from roadbed.control.directory import directory_of
from roadbed.control.state import State, current_resources
from roadbed.core.errors import Conflict, Denied, NotFound
from roadbed.core.resource import tenant_of
from roadbed.identity.directory import Subject
from roadbed.identity.keys import NewKey, create_key

GRAVE = (
    "stack.apply",
    "version.promote",
    "version.delete",
    "key.create",
    "key.revoke",
    "token.revoke",
)
"""What nobody gets by making a key for an account that may do more than they."""


def make_key(
    connection: sa.Connection, maker: Viewer, account: str, lifetime_us: int
) -> NewKey:
    """Make a key for *account* of the maker's tenant in the caller's transaction.

    Raises NotFound, naming those that are, if the tenant declares no such account,
    Conflict if it is declared to have no keys, and Denied if it may do a grave act
    that the maker may not: whoever holds its key could.
    """
    state = current_resources(connection)
    declared = {
        found.name: found.content["spec"].get("keys", False)
        for found in state.of("ServiceAccount")
        if tenant_of(found.content) == maker.principal.tenant
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
    _must_not_climb(maker, state, account)
    return create_key(
        connection,
        account,
        now_us=maker.now_us,
        lifetime_us=lifetime_us,
        created_by=maker.principal.chain,
    )


def _must_not_climb(maker: Viewer, state: State, account: str) -> None:
    holder = directory_of(state).find(Subject(kind="service-account", name=account))
    assert holder is not None
    able = replace(maker, principal=replace(holder, fresh_until_us=maker.now_us))
    for action in GRAVE:
        target = whole(holder, ACTIONS[action].kind)
        if able.may(action, target) and not maker.may(action, target):
            raise Denied(
                f"{account} may do {action}, and {maker.principal} may not: "
                "a key for it would be a way there",
                hint="let somebody make it who may do that as well",
            )
