"""Turn a token into a principal, from what the snapshot holds."""

from collections.abc import Mapping

from roadbed.core.actor import Principal
from roadbed.core.clock import to_text
from roadbed.core.errors import Unauthenticated
from roadbed.identity.tokens import credential_digest

_HINT = "use a key (rbk_…) that a security-admin made with `roadbed key create`"


def authenticate(
    credentials: Mapping[str, Principal], token: str, now_us: int
) -> Principal:
    """Return the principal that *token* proves at *now_us*; raise Unauthenticated.

    *credentials* maps the digests of keys to principals.
    """
    if not token:
        raise Unauthenticated("no key came with the request", hint=_HINT)
    principal = credentials.get(credential_digest(token))
    if principal is None:
        raise Unauthenticated("the key is not known here, or was revoked", hint=_HINT)
    if principal.expires_us <= now_us:
        raise Unauthenticated(
            f"the key expired at {to_text(principal.expires_us)}",
            hint="a security-admin can make a new one beside the old",
        )
    return principal
