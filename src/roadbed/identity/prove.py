"""What each kind of credential proves: a key, one of our tokens, one of another issuer.

Another issuer is asked for its keys only if the stack declares it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from roadbed.core.actor import Principal
from roadbed.core.errors import Unauthenticated
from roadbed.identity.authenticate import Credentials, authenticate, is_token
from roadbed.identity.directory import Company, Directory, Rule, Subject
from roadbed.identity.federation import matching
from roadbed.identity.issuers import Issuers
from roadbed.identity.jwt import (
    FOREIGN_LIFETIME_US,
    PLAIN,
    SECOND_US,
    Expected,
    Unverified,
    read,
    verify,
)
from roadbed.identity.oidc import proven_at
from roadbed.identity.proof import Proof

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
_HINT = "the stack says whose tokens are taken: IdentityProvider and Federation"
_METHODS = 16
_TITLE = 100


def prove_ours(known: Credentials, token: str, now_us: int) -> Proof:
    """Return what a key, or one of our access tokens, proves; raise Unauthenticated."""
    if is_token(token):
        return known.tokens.prove(token, now_us)
    return prove_key(authenticate(known, token, now_us), now_us)


def prove_key(holder: Principal, now_us: int) -> Proof:
    """Return what the key of *holder* proves: it is shown at this moment."""
    return Proof(
        subject=Subject(kind="service-account", name=holder.name),
        expires_us=holder.expires_us,
        authenticated_us=now_us,
        since_us=now_us,
        via=(f"key:{holder.credential}",),
    )


def prove_workload(
    directory: Directory, issuers: Issuers, token: str, now_us: int
) -> Proof:
    """Return what *token*, of an issuer that a Federation names, proves.

    Raises Unauthenticated, also where several Federations would make different
    accounts of it.
    """
    told = read(token)
    rules = [rule for rule in directory.rules if rule.issuer == told.issuer]
    audiences = {rule.audience for rule in rules}
    claims = _verified(token, told, audiences, issuers, now_us)
    audience = _audience(claims)
    asked = [rule for rule in rules if rule.audience == audience]
    rule = _one(matching(asked, claims))
    return Proof(
        subject=rule.subject,
        expires_us=claims["exp"] * SECOND_US,
        authenticated_us=min(claims["iat"] * SECOND_US, now_us),
        since_us=claims["iat"] * SECOND_US,
        via=(f"federation:{rule.id}",),
    )


def prove_person(
    directory: Directory, issuers: Issuers, token: str, now_us: int
) -> Proof:
    """Return what *token*, an ID token that a provider made for us, proves.

    Raises Unauthenticated.
    """
    told = read(token)
    company = directory.companies.get(told.issuer)
    clients = (company.client_id, company.device_client_id) if company else ()
    claims = _verified(token, told, set(filter(None, clients)), issuers, now_us)
    if company is None or claims.get("azp", _audience(claims)) != _audience(claims):
        raise Unauthenticated("the token was made for another client", hint=_HINT)
    return Proof(
        subject=_person(claims, company),
        expires_us=claims["exp"] * SECOND_US,
        authenticated_us=proven_at(claims.get("auth_time"), claims["iat"]),
        since_us=claims["iat"] * SECOND_US,
        methods=frozenset(_texts(claims.get("amr"))[:_METHODS]),
    )


def _verified(
    token: str,
    told: Unverified,
    audiences: Collection[str],
    issuers: Issuers,
    now_us: int,
) -> Mapping[str, Any]:
    if not audiences:
        raise Unauthenticated("the token's issuer is not trusted here", hint=_HINT)
    audience = _audience(told.claims)
    if audience not in audiences:
        raise Unauthenticated("the token was made for another audience", hint=_HINT)
    expected = Expected(
        issuer=told.issuer,
        audience=audience,
        types=PLAIN,
        lifetime_us=FOREIGN_LIFETIME_US,
        lists=True,
    )
    return verify(token, issuers.keys(told.issuer, told.kid), expected, now_us)


def _one(rules: list[Rule]) -> Rule:
    if not rules:
        raise Unauthenticated("the token's claims satisfy no Federation", hint=_HINT)
    if len({rule.subject for rule in rules}) > 1:
        raise Unauthenticated(
            "the token satisfies Federations of different accounts",
            hint="give each its own audience, or pin more claims",
        )
    return rules[0]


def _person(claims: Mapping[str, Any], company: Company) -> Subject:
    name = claims.get("name")
    title = name[:_TITLE] if isinstance(name, str) and name.isprintable() else ""
    return Subject(
        kind="user",
        name=claims["sub"],
        issuer=company.issuer,
        groups=frozenset(_texts(claims.get(company.groups_claim))),
        title=title,
    )


def _audience(claims: Mapping[str, Any]) -> str:
    found = claims.get("aud")
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, str) else ""


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else []
    return [item for item in listed if isinstance(item, str) and item.isprintable()]
