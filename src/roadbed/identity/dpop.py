"""Proof of possession (RFC 9449): a token that is worth nothing without its key.

Whoever sends a bound token signs each request anew; a token that was stolen on its
way, or a proof that was, opens nothing.
"""

import base64
import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from roadbed.core.errors import Unauthenticated
from roadbed.identity.jwt import SECOND_US, Key, key_of, names, read, signed

TYPE = "dpop+jwt"
WINDOW_US = 60 * SECOND_US
"""How far the moment of a proof may be from ours, before or after."""
REMEMBERED = 50_000


class WrongProof(Unauthenticated):
    """A proof of possession that proves nothing."""


class Bound(str):
    """A token, and the thumbprint of the key that its bearer just proved to hold.

    `fault` says why there is no thumbprint, where a proof was wrong.
    """

    thumbprint: str = ""
    fault: str = ""

    @classmethod
    def of(cls, token: str, *, thumbprint: str = "", fault: str = "") -> "Bound":
        """Return *token* with what was proven beside it."""
        bound = cls(token)
        bound.thumbprint, bound.fault = thumbprint, fault
        return bound


class Possession:
    """Checks proofs for the line at *base*, each once. Safe from any thread."""

    def __init__(self, base: str, now_us: Callable[[], int]) -> None:
        self._base = base
        self._now_us = now_us
        self._seen: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def shown(self, authorization: str, proof: str, method: str, path: str) -> str:
        """Return the token of a request: with what *proof* proves, if it is bound.

        Empty if there is none. Never raises: who is refused is decided later.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer":
            return token
        if scheme.lower() != "dpop":
            return ""
        try:
            thumbprint = self.thumbprint(proof, method, path, token)
        except Unauthenticated as refusal:
            return Bound.of(token, fault=refusal.message)
        return Bound.of(token, thumbprint=thumbprint)

    def thumbprint(self, proof: str, method: str, path: str, token: str = "") -> str:
        """Return the thumbprint (RFC 7638) of the key that signed *proof*.

        It must be for this method and path and, if there is one, for *token*.
        Raises Unauthenticated for whatever is not exactly right, or was seen before.
        """
        told, now_us = read(proof), self._now_us()
        key = _own_key(told.header)
        _must(told.header.get("typ") == TYPE, "it is of another type")
        _must(told.header.get("alg") == key.algorithm, "its algorithm is not its key's")
        _must(signed(proof, key), "its signature is not that of its key")
        claims = told.claims
        _must(claims.get("htm") == method, "it is for another method")
        _must(self._is_for(claims.get("htu"), path), "it is for another address")
        made = claims.get("iat")
        recent = type(made) is int and abs(now_us - made * SECOND_US) <= WINDOW_US
        _must(recent, "it was not made just now")
        if token:
            _must(claims.get("ath") == digest_of(token), "it is for another token")
        jti = claims.get("jti")
        _must(names(jti), "it has no id")
        self._once(f"{key.kid} {jti}", now_us)
        return key.kid

    def _is_for(self, address: Any, path: str) -> bool:
        if not isinstance(address, str):
            return False
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}{parts.path}" == self._base + path

    def _once(self, name: str, now_us: int) -> None:
        """Remember *name*; raise Unauthenticated if it was here before."""
        digest = hashlib.sha256(name.encode("utf-8", "replace")).digest()
        with self._lock:
            if len(self._seen) >= REMEMBERED:
                live = {d: u for d, u in self._seen.items() if u > now_us}
                self._seen = live
            full = len(self._seen) >= REMEMBERED
            new = not full and self._seen.get(digest, 0) <= now_us
            if new:
                self._seen[digest] = now_us + 2 * WINDOW_US + SECOND_US
        _must(new, "it was used before")


def digest_of(token: str) -> str:
    """Return what a proof calls *token*: its SHA-256 in base64url."""
    digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_possession(token: str, binding: str) -> None:
    """Raise Unauthenticated if what is bound to *binding* came without its key."""
    if isinstance(token, Bound) and token.fault:
        raise Unauthenticated(token.fault)
    if binding and (not isinstance(token, Bound) or token.thumbprint != binding):
        raise Unauthenticated(
            "the token is bound to a key, and the request does not prove that one",
            hint="send it as `Authorization: DPoP …` with a proof in the header DPoP",
        )


def _own_key(header: Mapping[str, Any]) -> Key:
    """Return the key that the proof brings along, named by its thumbprint."""
    jwk = header.get("jwk")
    key = key_of({**jwk, "kid": "own"}) if isinstance(jwk, dict) else None
    if key is None or {"crit", "b64"} & header.keys():
        raise _refused("it brings no public key that can be used")
    return Key(kid=key.public.thumbprint(), algorithm=key.algorithm, public=key.public)


def _must(right: bool, reason: str) -> None:
    if not right:
        raise _refused(reason)


def _refused(reason: str) -> WrongProof:
    return WrongProof(f"the proof of possession is refused: {reason}")
