"""Our own access tokens on the request path: verified once per snapshot, then known."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.core.actor import Principal
from roadbed.core.errors import Unauthenticated
from roadbed.identity.access_token import proof_of
from roadbed.identity.directory import NOBODY_KNOWN, Directory
from roadbed.identity.dpop import check_possession
from roadbed.identity.jwt import (
    ACCESS,
    OURS_LIFETIME_US,
    Expected,
    Key,
    judge,
    read,
)
from roadbed.identity.proof import Proof, principal_of
from roadbed.identity.revocations import Revoked, ended

REMEMBERED = 10_000
_HINT = "exchange a credential for a new token: POST /oauth/token"


@dataclass(frozen=True, slots=True)
class _Known:
    proof: Proof
    principal: Principal
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """All that a snapshot knows of our tokens. Immutable, but for what it remembers.

    `keys` are ours by name, with the moment at which each stops to verify; `live`
    are the keys and rules that tokens may descend from, and until when. A token is
    remembered by the SHA-256 of the whole of it.
    """

    issuer: str
    keys: Mapping[str, tuple[Key, int]] = field(default_factory=dict)
    revoked: Revoked = field(default_factory=Revoked)
    directory: Directory = NOBODY_KNOWN
    live: Mapping[str, int] = field(default_factory=dict)
    _seen: dict[bytes, _Known] = field(default_factory=dict, repr=False, compare=False)

    def published(self, now_us: int) -> dict[str, Any]:
        """Return the JWK Set (RFC 7517) of the keys that verify our tokens."""
        about = {"alg": "ES256", "use": "sig"}
        return {
            "keys": [
                dict(key.public.as_dict(private=False)) | about | {"kid": kid}
                for kid, (key, until_us) in sorted(self.keys.items())
                if now_us < until_us
            ]
        }

    def authenticate(self, token: str, now_us: int) -> Principal:
        """Return the principal that *token* proves; raise Unauthenticated."""
        known = self._known(token, now_us)
        check_possession(token, known.proof.binding)
        return known.principal

    def prove(self, token: str, now_us: int) -> Proof:
        """Return what *token* proves; raise Unauthenticated.

        Whether its bearer holds the key that it is bound to is the caller's to ask.
        """
        return self._known(token, now_us).proof

    def _known(self, token: str, now_us: int) -> _Known:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._seen.get(digest)
        if known is None:
            known = self._verified(token, now_us)
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[digest] = known
        if known.until_us <= now_us:
            raise Unauthenticated("the token has expired", hint=_HINT)
        return known

    def _verified(self, token: str, now_us: int) -> _Known:
        expected = Expected(
            issuer=self.issuer,
            audience=self.issuer,
            types=frozenset({ACCESS}),
            lifetime_us=OURS_LIFETIME_US,
        )
        told = read(token)
        key, until_us = self.keys.get(told.kid, (None, 0))
        keys = {key.kid: key} if key is not None and now_us < until_us else {}
        proof = proof_of(judge(told, token, keys, expected, now_us))
        if self.revoked.covers(proof) or ended(proof.via, self.live, now_us):
            raise Unauthenticated(
                "the token was revoked, or what it was made from was", hint=_HINT
            )
        ends_us = [self.live[name] for name in proof.via if name in self.live]
        return _Known(
            proof=proof,
            principal=principal_of(proof, self.directory),
            until_us=min(proof.expires_us, until_us, *ends_us),
        )
