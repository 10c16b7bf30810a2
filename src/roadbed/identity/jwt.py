"""Signed tokens (compact JWS, RFC 7515 and 7519), read and verified strictly.

The library verifies the signature; what it lets through is refused here: a token
without a key's name, of another type, for several audiences, or that lives for ages.
No reason repeats anything of the token.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from roadbed.core.errors import Unauthenticated

MAX_BYTES = 8192
"""What a token may measure; of more, nothing is read."""
MAX_NAME = 512
"""What a subject, an id or a key's name may measure, in characters."""
SECOND_US = 1_000_000
LEEWAY_US = 60 * SECOND_US
"""How far the clock of an issuer may be ahead of ours."""
OURS_LIFETIME_US = 15 * 60 * SECOND_US
FOREIGN_LIFETIME_US = 24 * 3600 * SECOND_US
ACCESS, PLAIN = "at+jwt", frozenset({"JWT", ""})
"""The type of our access tokens (RFC 9068); those of ID and workload tokens."""

OBJECT = "eyJ"
"""How a JWT begins: with `{` and `"`, in base64url."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ALGORITHMS = {("EC", "P-256"): "ES256", ("RSA", ""): "RS256"}
_ALGORITHMS |= {("OKP", "Ed25519"): "EdDSA"}
_REFUSED = frozenset({"crit", "b64", "jwk", "jku", "x5c", "x5u", "zip", "enc"})
_RSA_BITS = 2048
_MAX_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key and the one algorithm that it verifies."""

    kid: str
    algorithm: str
    public: ECKey | RSAKey | OKPKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must be: from whom, for whom, of which types, how long-lived.

    A type of "" stands for a token without one. `lists` allows the audience to be
    a list, of which it must then be the only member.
    """

    issuer: str
    audience: str
    types: frozenset[str]
    lifetime_us: int
    lists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """What a token says of itself, before anything is proven. Believe none of it."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        """Return the issuer that it names, empty if that is no text."""
        return _text(self.claims.get("iss"))

    @property
    def kid(self) -> str:
        """Return the name of the key that it names, empty if that is no text."""
        return _text(self.header.get("kid"))


def looks_like(token: str) -> bool:
    """Say whether *token* has the form of a compact JWS, and a sane size."""
    return len(token) <= MAX_BYTES and _COMPACT.fullmatch(token) is not None


def read(token: str) -> Unverified:
    """Return what *token* says, unverified; raise Unauthenticated if it is no JWT."""
    if not looks_like(token):
        raise Unauthenticated("this is no compact JWT of at most 8192 bytes")
    header, claims, signature = token.split(".")
    _decoded(signature)
    return Unverified(header=_object(header), claims=_object(claims))


def verify(
    token: str, keys: Mapping[str, Key], expected: Expected, now_us: int
) -> Mapping[str, Any]:
    """Return the claims of *token*, which is as *expected* and signed by one of *keys*.

    Raises Unauthenticated for whatever is not exactly right.
    """
    return judge(read(token), token, keys, expected, now_us)


def judge(
    told: Unverified,
    token: str,
    keys: Mapping[str, Key],
    expected: Expected,
    now_us: int,
) -> Mapping[str, Any]:
    """Return the claims of *token*, which was read as *told*, as `verify` does."""
    _must(not _REFUSED & told.header.keys(), "its header asks for what is refused")
    kind = told.header.get("typ", "")
    _must(type(kind) is str and kind in expected.types, "it is of another type")
    key = keys.get(told.kid) if told.kid else None
    if key is None:
        raise Unauthenticated("it names no key that its issuer has")
    _must(told.header.get("alg") == key.algorithm, "its algorithm is not its key's")
    _must(signed(token, key), "its signature is not that of its key")
    _check_names(told.claims, expected)
    _check_times(told.claims, expected.lifetime_us, now_us)
    return told.claims


def keys_of(document: object) -> dict[str, Key]:
    """Return the keys of a JWK Set by their names; leave out what cannot be used.

    A key without a name, a weak one, one that is not for signatures, and every key
    whose name another one has too: none of them verifies anything.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    found: dict[str, Key] = {}
    twice: set[str] = set()
    for entry in listed[:_MAX_KEYS] if isinstance(listed, list) else ():
        key = key_of(entry)
        if key is not None:
            twice |= {key.kid} & found.keys()
            found[key.kid] = key
    return {kid: key for kid, key in found.items() if kid not in twice}


def key_of(entry: object) -> Key | None:
    """Return the public key that the JWK *entry* is, None if it cannot be used."""
    if not isinstance(entry, Mapping) or "d" in entry:
        return None
    kid, kind = _text(entry.get("kid")), _text(entry.get("kty"))
    algorithm = _ALGORITHMS.get((kind, _text(entry.get("crv"))))
    for_signatures = entry.get("use", "sig") == "sig"
    if not kid or algorithm is None or not for_signatures:
        return None
    if entry.get("alg", algorithm) != algorithm:
        return None
    public = _imported(dict(entry))
    return public and Key(kid=kid, algorithm=algorithm, public=public)


def names(value: object) -> bool:
    """Say whether *value* can be a name: text, not empty, not long, printable."""
    return type(value) is str and 0 < len(value) <= MAX_NAME and value.isprintable()


def _imported(entry: dict[str, Any]) -> ECKey | RSAKey | OKPKey | None:
    try:
        key = import_key(entry)
        if isinstance(key, RSAKey) and key.public_key.key_size < _RSA_BITS:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, ECKey | RSAKey | OKPKey) else None


def signed(token: str, key: Key) -> bool:
    """Say whether *token* bears the signature of *key*, and judge nothing else.

    *token* is one that `read` could read.
    """
    text, _, signature = token.rpartition(".")
    method = jws.JWSRegistry.algorithms[key.algorithm]
    try:
        method.check_key(key.public)
        return method.verify(text.encode("ascii"), _decoded(signature), key.public)
    except (JoseError, ValueError, TypeError):
        return False


def _check_names(claims: Mapping[str, Any], expected: Expected) -> None:
    issuer, audience = claims.get("iss"), claims.get("aud")
    _must(type(issuer) is str and issuer == expected.issuer, "another issuer made it")
    if expected.lists and type(audience) is list and len(audience) == 1:
        audience = audience[0]
    ours = type(audience) is str and audience == expected.audience
    _must(ours, "it was made for another audience")
    _must(names(claims.get("sub")), "it has no subject")


def _check_times(claims: Mapping[str, Any], lifetime_us: int, now_us: int) -> None:
    moments = [claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)]
    _must(all(type(m) is int for m in moments), "its times are no whole seconds")
    made, ends, begins = (moment * SECOND_US for moment in moments)
    _must(now_us < ends, "it has expired")
    _must(max(made, begins) <= now_us + LEEWAY_US, "it is not valid yet")
    _must(0 < ends - made <= lifetime_us, "it lives longer than is allowed")


def _must(right: bool, reason: str) -> None:
    if not right:
        raise Unauthenticated(f"the token is refused: {reason}")


def _object(part: str) -> Mapping[str, Any]:
    try:
        found = _JSON.decode(_decoded(part).decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unauthenticated("the token is refused: a part of it is no JSON object")
    return found


def _decoded(part: str) -> bytes:
    """Return the bytes that *part* spells, if it is their only spelling."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        data = b""
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise Unauthenticated("the token is refused: a part of it is not base64url")
    return data


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    listed = list(pairs)
    found = dict(listed)
    if len(found) != len(listed):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _text(value: object) -> str:
    return value if type(value) is str else ""


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
