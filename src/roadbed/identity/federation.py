"""Which declared rule a token of another issuer satisfies: exact values, no patterns.

Pure: claims that were verified come in, a rule or none comes out.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from roadbed.identity.directory import Rule, Subject

GITHUB = "token.actions.githubusercontent.com"
TRUSTED_EVENTS = frozenset(
    {"push", "workflow_dispatch", "schedule", "release", "repository_dispatch"}
)
"""What only somebody who may write to a repository can set off. A run of any other
event, such as `pull_request_target`, carries the same ids and may be a stranger's."""

_ABSENT = object()


def matching(rules: Iterable[Rule], claims: Mapping[str, Any]) -> list[Rule]:
    """Return the *rules* whose every claim *claims* has, with exactly that value.

    Issuer and audience are not looked at: they were verified with the signature.
    """
    return [rule for rule in rules if satisfies(rule, claims)]


def satisfies(rule: Rule, claims: Mapping[str, Any]) -> bool:
    """Say whether *claims* are what *rule* asks for."""
    if not rule.claims or not all(
        _same(claim_at(claims, name), value) for name, value in rule.claims.items()
    ):
        return False
    if is_github(rule.issuer) and "event_name" not in rule.claims:
        event = claims.get("event_name")
        return isinstance(event, str) and event in TRUSTED_EVENTS
    return True


def claim_at(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim called *name*, or the one it points to (RFC 6901)."""
    if not name.startswith("/"):
        return claims.get(name, _ABSENT)
    found: Any = claims
    for part in name[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key, _ABSENT) if isinstance(found, Mapping) else _ABSENT
    return found


def is_github(issuer: str) -> bool:
    """Say whether *issuer* is GitHub Actions, the public one or a company's own."""
    parts = urlsplit(issuer)
    return parts.hostname == GITHUB or parts.path.rstrip("/") == "/_services/token"


def subject_named(account: str) -> Subject:
    """Return whom a Federation's `account` names: `agent:NAME`, or an account."""
    kind, mark, name = account.partition(":")
    if mark and kind == "agent":
        return Subject(kind="agent", name=name)
    return Subject(kind="service-account", name=name if mark else account)


def _same(found: Any, wanted: Any) -> bool:
    """Compare values of one kind: true is not 1, and "7" is not 7."""
    return type(found) is type(wanted) and found == wanted
