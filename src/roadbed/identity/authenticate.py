"""Turn a credential into a principal, from what the snapshot holds."""

from collections.abc import Mapping
from typing import Protocol

from roadbed.core.actor import Principal
from roadbed.core.clock import to_text
from roadbed.core.errors import Unauthenticated
from roadbed.identity.dpop import check_possession
from roadbed.identity.jwt import OBJECT
from roadbed.identity.tokens import credential_digest
from roadbed.inference.snapshot import Tokens

_HINT = "use a key (rbk_…) that a security-admin made with `roadbed key create`"


class Credentials(Protocol):
    """What proves something here: keys by their digests, and our own tokens."""

    @property
    def credentials(self) -> Mapping[str, Principal]:
        """The principal that each key proves, by the digest of the key."""
        ...

    @property
    def tokens(self) -> Tokens:
        """What our own access tokens prove."""
        ...


def is_token(token: str) -> bool:
    """Say whether *token* begins as every JWT does; any other text is a key."""
    return token.startswith(OBJECT)


def authenticate(known: Credentials, token: str, now_us: int) -> Principal:
    """Return the principal that *token* proves at *now_us*; raise Unauthenticated.

    What begins as every JWT does is one of our access tokens, or nothing.
    """
    check_possession(token, "")
    if not token:
        raise Unauthenticated("no key came with the request", hint=_HINT)
    if is_token(token):
        return known.tokens.authenticate(token, now_us)
    return _holder(known.credentials, token, now_us)


def _holder(credentials: Mapping[str, Principal], token: str, now_us: int) -> Principal:
    principal = credentials.get(credential_digest(token))
    if principal is None:
        raise Unauthenticated("the key is not known here, or was revoked", hint=_HINT)
    if principal.expires_us <= now_us:
        raise Unauthenticated(
            f"the key expired at {to_text(principal.expires_us)}",
            hint="a security-admin can make a new one beside the old",
        )
    return principal
