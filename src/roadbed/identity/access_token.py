"""The claims of our own access tokens (RFC 9068): written from a grant, and read back.

Roles are not among them: they are looked up when the token is used.
"""

from collections.abc import Mapping
from typing import Any

from roadbed.core.errors import Unauthenticated
from roadbed.identity.directory import Subject, read_subject
from roadbed.identity.exchange import MAX_ACTORS, MAX_GROUPS, MAX_LINE, Grant
from roadbed.identity.jwt import names
from roadbed.identity.proof import Proof

SECOND_US = 1_000_000


def claims_of(grant: Grant, issuer: str) -> dict[str, Any]:
    """Return the claims of the token that *issuer* makes for *grant*."""
    proof, subject = grant.proof, grant.proof.subject
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": grant.audience,
        "sub": str(subject),
        "iat": grant.issued_us // SECOND_US,
        "exp": proof.expires_us // SECOND_US,
        "jti": proof.id,
        "auth_time": proof.authenticated_us // SECOND_US,
        "since": proof.since_us // SECOND_US,
        "via": list(proof.via),
    }
    optional = {
        "scope": None if proof.scope is None else " ".join(sorted(proof.scope)),
        "amr": sorted(proof.methods) or None,
        "groups": sorted(subject.groups) or None,
        "name": subject.title or None,
        "act": _nested(proof.actors),
        "cnf": {"jkt": proof.binding} if proof.binding else None,
    }
    return claims | {name: v for name, v in optional.items() if v is not None}


def proof_of(claims: Mapping[str, Any]) -> Proof:
    """Return what verified *claims* prove; raise Unauthenticated if none of ours."""
    subject = _subject(claims.get("sub"))
    if subject.kind == "user":
        subject = Subject(
            kind="user",
            name=subject.name,
            issuer=subject.issuer,
            groups=frozenset(_texts(claims.get("groups", []), MAX_GROUPS)),
            title=_text(claims.get("name", "")),
        )
    scope = claims.get("scope")
    return Proof(
        id=_text(claims.get("jti"), empty=False),
        subject=subject,
        expires_us=_moment(claims.get("exp")),
        authenticated_us=_moment(claims.get("auth_time")),
        since_us=_moment(claims.get("since")),
        methods=frozenset(_texts(claims.get("amr", []), 16)),
        scope=None if scope is None else frozenset(_text(scope).split()),
        actors=_unnested(claims.get("act")),
        via=tuple(_texts(claims.get("via"), MAX_LINE)),
        binding=_binding(claims.get("cnf")),
    )


def _nested(actors: tuple[Subject, ...]) -> dict[str, Any] | None:
    """Return *actors* as RFC 8693 nests them: the nearest outside."""
    act: dict[str, Any] | None = None
    for actor in reversed(actors):
        act = {"sub": str(actor)} | ({"act": act} if act else {})
    return act


def _unnested(act: Any) -> tuple[Subject, ...]:
    actors: list[Subject] = []
    while act is not None:
        _must(isinstance(act, dict) and len(actors) < MAX_ACTORS)
        actors.append(_subject(act.get("sub")))
        act = act.get("act")
    return tuple(actors)


def _subject(value: Any) -> Subject:
    subject = read_subject(value) if names(value) else None
    if subject is None:
        raise _foreign()
    return subject


def _binding(value: Any) -> str:
    if value is None:
        return ""
    _must(isinstance(value, dict) and set(value) == {"jkt"})
    return _text(value["jkt"], empty=False)


def _texts(value: Any, most: int) -> list[str]:
    _must(isinstance(value, list) and len(value) <= most)
    return [_text(item) for item in value]


def _text(value: Any, *, empty: bool = True) -> str:
    _must(isinstance(value, str) and bool(value or empty))
    return value


def _moment(value: Any) -> int:
    _must(type(value) is int and value >= 0)
    return value * SECOND_US


def _must(right: bool) -> None:
    if not right:
        raise _foreign()


def _foreign() -> Unauthenticated:
    return Unauthenticated("the token is refused: it does not say what ours say")
