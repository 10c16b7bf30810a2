"""What a Federation must pin before it may be applied: what nobody else can take over.

Names can be given away, and a shared issuer signs for strangers too: a rule that pins
only such names lets the next owner of the name in.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from roadbed.control.catalog import Catalog
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem
from roadbed.identity.federation import TRUSTED_EVENTS, is_github, subject_named

Claims = Mapping[str, Any]
Fault = tuple[str, str]
"""What is wrong, and what to do."""

SHARED = frozenset(
    {
        "gitlab.com",
        "app.terraform.io",
        "agent.buildkite.com",
        "oidc.vercel.com",
        "oidc.fly.io",
        "api.bitbucket.org",
    }
)
"""Hosts of issuers that sign for whoever has an account there."""

_KINDS = {"service-account": "ServiceAccount", "agent": "Agent"}
_PRIVATE = (".internal", ".local", ".localhost", ".test", ".svc", ".lan")
_KUBERNETES = "/kubernetes.io/"
_POD = "system:serviceaccount:"
_CLUSTER_API = "https://kubernetes.default.svc"


def federations_are_sound(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A Federation names who is declared, and pins what cannot be given away."""
    for loaded in stack.of("Federation"):
        spec = loaded.content["spec"]
        subject = subject_named(spec["account"])
        if not stack.declares(_KINDS[subject.kind], subject.name):
            kind = _KINDS[subject.kind]
            message = f"there is no {kind} {subject.name!r}"
            hint = "declare it, or write agent:NAME for an Agent"
            yield loaded.problem(("spec", "account"), message, hint)
        for rule in _RULES:
            for message, hint in rule(spec):
                yield loaded.problem(("spec", "claims"), message, hint)


def federations_are_distinct(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """No token proves to be two accounts, nor an account and a person."""
    seen: list[Loaded] = []
    for loaded in stack.of("Federation"):
        twins = [other for other in seen if _overlap(other, loaded)]
        for other in twins[:1]:
            name = other.resource.metadata.name
            message = f"the same tokens satisfy Federation {name}"
            hint = "give it its own audience, or pin a claim to another value"
            yield loaded.problem(("spec", "claims"), message, hint)
        seen.append(loaded)
        for provider in stack.of("IdentityProvider"):
            if _speaks_for(provider.content["spec"], loaded.content["spec"]):
                name = provider.resource.metadata.name
                message = f"this audience is a client of IdentityProvider {name}"
                hint = "a workload has an audience of its own, apart from people's"
                yield loaded.problem(("spec", "audience"), message, hint)


def issuers_are_sound(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An issuer has TLS unless it is in a private network, and one provider."""
    taken: dict[str, str] = {}
    for kind in ("Federation", "IdentityProvider"):
        for loaded in stack.of(kind):
            issuer = loaded.content["spec"]["issuer"]
            if not _is_secure(issuer):
                message = f"{issuer} has no TLS: whoever is between us could sign"
                hint = "write https://; only hosts of a private network go without"
                yield loaded.problem(("spec", "issuer"), message, hint)
            if kind == "IdentityProvider" and issuer in taken:
                message = f"IdentityProvider {taken[issuer]} has this issuer already"
                yield loaded.problem(("spec", "issuer"), message, "keep one of them")
            taken.setdefault(issuer, loaded.resource.metadata.name)


def _github(spec: Claims) -> Iterator[Fault]:
    claims = spec["claims"]
    if not is_github(spec["issuer"]):
        return
    for name in ("repository_id", "repository_owner_id"):
        if not str(claims.get(name, "")).isdigit() or type(claims[name]) is not str:
            yield (
                f"{name} is not pinned, and names of repositories can be given away",
                f'write {name}: "NUMBER", as text; GitHub\'s API shows it as `id`',
            )
    workflow = claims.get("job_workflow_ref", claims.get("workflow_ref", ""))
    if "@" not in str(workflow):
        yield (
            "no workflow is pinned: any workflow of the repository would get in",
            "write workflow_ref or job_workflow_ref, with its path and @ref",
        )
    if not {"ref", "environment"} & claims.keys():
        yield (
            "neither ref nor environment is pinned: any branch would get in",
            "write ref: refs/heads/main, or environment: NAME",
        )
    if claims.get("event_name", "push") not in TRUSTED_EVENTS:
        yield (
            "the event is one that strangers can set off",
            f"leave event_name out, or write {', '.join(sorted(TRUSTED_EVENTS))}",
        )


def _kubernetes(spec: Claims) -> Iterator[Fault]:
    claims = spec["claims"]
    subject = str(claims.get("sub", ""))
    pods = [name for name in claims if name.startswith(_KUBERNETES)]
    if not pods and not subject.startswith(_POD):
        return
    account = f"{_KUBERNETES}serviceaccount/"
    by_name = {f"{_KUBERNETES}namespace", f"{account}name"} <= claims.keys()
    whole = subject.count(":") == 3 and not subject.endswith(":")
    if not (f"{account}uid" in claims or by_name or whole):
        yield (
            "no service account is pinned: others of the cluster would get in",
            f"write {account}uid, or namespace and name",
        )
    if spec["audience"].startswith(_CLUSTER_API):
        yield (
            "every pod has a token for the cluster's own API",
            "project a token with an audience of its own, such as roadbed",
        )


def _strangers(spec: Claims) -> Iterator[Fault]:
    host = urlsplit(spec["issuer"]).hostname or ""
    if host not in SHARED:
        return
    if not any(name.endswith(("_id", "/id", "uid")) for name in spec["claims"]):
        yield (
            f"{host} signs for strangers too, and only names are pinned",
            "pin an id that is never given to somebody else, such as project_id",
        )


_RULES: tuple[Callable[[Claims], Iterator[Fault]], ...] = (
    _github,
    _kubernetes,
    _strangers,
)


def _overlap(one: Loaded, other: Loaded) -> bool:
    """Say whether both say the same, or a token could satisfy both as two accounts."""
    a, b = one.content["spec"], other.content["spec"]
    if (a["issuer"], a["audience"]) != (b["issuer"], b["audience"]):
        return False
    if subject_named(a["account"]) == subject_named(b["account"]):
        return a["claims"] == b["claims"]
    both = a["claims"].keys() & b["claims"].keys()
    return all(a["claims"][name] == b["claims"][name] for name in both)


def _speaks_for(provider: Claims, spec: Claims) -> bool:
    clients = {provider["client_id"], provider.get("device_client_id")}
    return provider["issuer"] == spec["issuer"] and spec["audience"] in clients


def _is_secure(issuer: str) -> bool:
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE)
