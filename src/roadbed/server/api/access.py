"""Who you are, and the keys of service accounts."""

from pydantic import BaseModel, ConfigDict, Field

from roadbed.access.actions import ACTIONS
from roadbed.access.visible import nothing, own
from roadbed.control import accounts, seen
from roadbed.control.targets import find_account, find_of_key
from roadbed.core.decision import Target
from roadbed.identity.keys import KeyInfo, revoke_key
from roadbed.server.routes import Ask, Route

_DAY_US = 86_400_000_000


class Me(BaseModel):
    """The caller: a principal, what it is, and what it may do in general."""

    principal: str
    kind: str
    roles: list[str]
    labels: dict[str, str]
    tenant: str
    key: str = Field(description="The id of the key, not the key.")
    expires_us: int
    actions: list[str]


class Keys(BaseModel):
    """The keys that were ever made and that you may see, newest first; no secrets."""

    keys: list[KeyInfo]


class KeyWanted(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(description="The service account it is for.")
    days: int = Field(
        default=30, ge=1, le=90, strict=True, description="How long it works."
    )


class MadeKey(BaseModel):
    """A key that was just made. `secret` is shown here and nowhere again."""

    id: str
    account: str
    expires_us: int
    secret: str


class Revoked(BaseModel):
    """A key that does not work any more, on any replica, within a second."""

    id: str


def whoami(ask: Ask) -> Me:
    """Say who the caller is."""
    principal = ask.principal
    allowed = [name for name in ACTIONS if ask.viewer.may(name)]
    return Me(
        principal=str(principal),
        kind=principal.kind,
        roles=sorted(principal.roles),
        labels=dict(principal.labels),
        tenant=principal.tenant,
        key=principal.credential,
        expires_us=principal.expires_us,
        actions=allowed,
    )


def keys(ask: Ask) -> Keys:
    """List the keys."""
    with ask.services.database.read() as connection:
        return Keys(keys=seen.keys(ask.viewer, connection))


def account_named(ask: Ask) -> Target:
    """Find the account that a key is wanted for; the handler says if there is none."""
    wanted: KeyWanted = ask.body
    with ask.services.database.read() as connection:
        found = find_account(connection, wanted.account)
    return own(ask.principal, found) or nothing(ask.principal, "Key", wanted.account)


def key_named(ask: Ask) -> Target | None:
    """Find a key."""
    with ask.services.database.read() as connection:
        return find_of_key(connection, ask.params["key"])


def make_key(ask: Ask) -> MadeKey:
    """Make a key for a declared account."""
    wanted: KeyWanted = ask.body
    with ask.services.database.write() as connection:
        new = accounts.make_key(
            connection, ask.viewer, wanted.account, wanted.days * _DAY_US
        )
    return MadeKey(
        id=new.id,
        account=new.account,
        expires_us=new.expires_us,
        secret=new.secret.reveal(),
    )


def end_key(ask: Ask) -> Revoked:
    """Revoke a key."""
    key_id = ask.params["key"]
    with ask.services.database.write() as connection:
        revoke_key(connection, key_id, ask.services.now_us(), revoked_by=ask.actor)
    return Revoked(id=key_id)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/whoami",
        action="session.read",
        handler=whoami,
        summary="Who am I, and what may I do?",
        answer=Me,
        tag="access",
    ),
    Route(
        method="GET",
        path="/api/v1/keys",
        action="key.list",
        lists="keys",
        handler=keys,
        summary="List the keys, without their secrets",
        answer=Keys,
        tag="access",
    ),
    Route(
        method="POST",
        path="/api/v1/keys",
        action="key.create",
        locate=account_named,
        handler=make_key,
        summary="Make a key; its secret is shown once",
        answer=MadeKey,
        body=KeyWanted,
        status=201,
        tag="access",
    ),
    Route(
        method="DELETE",
        path="/api/v1/keys/{key}",
        action="key.revoke",
        locate=key_named,
        handler=end_key,
        summary="Make a key stop working",
        answer=Revoked,
        target="key",
        tag="access",
    ),
)
