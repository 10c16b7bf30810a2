"""The directory of a stack: what it declares about accounts, agents and people."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from roadbed.control.state import State
from roadbed.core.resource import tenant_of
from roadbed.identity.directory import Company, Directory, Known, Rule
from roadbed.identity.federation import subject_named

Content = Mapping[str, Any]


def directory_of(state: State) -> Directory:
    """Return the directory that the live resources of *state* make up."""
    return directory_from(r.content for _, r in sorted(state.resources.items()))


def directory_from(contents: Iterable[Content]) -> Directory:
    """Return the directory that resources with these *contents* make up."""
    by_kind: dict[str, list[Content]] = defaultdict(list)
    for content in contents:
        by_kind[content["kind"]].append(content)
    bindings: dict[str, set[str]] = defaultdict(set)
    for binding in by_kind["Binding"]:
        for subject in binding["spec"]["subjects"]:
            bindings[subject] |= set(binding["spec"]["roles"])
    return Directory(
        accounts={_name(a): _known(a) for a in by_kind["ServiceAccount"]},
        agents={_name(a): _known(a) for a in by_kind["Agent"]},
        companies={
            p["spec"]["issuer"]: _company(p) for p in by_kind["IdentityProvider"]
        },
        bindings={name: frozenset(roles) for name, roles in bindings.items()},
        rules=tuple(_rule(f) for f in by_kind["Federation"]),
    )


def _company(content: Content) -> Company:
    spec = content["spec"]
    return Company(
        name=_name(content),
        tenant=tenant_of(content),
        issuer=spec["issuer"],
        client_id=spec["client_id"],
        client_secret=spec.get("client_secret") or "",
        device_client_id=spec.get("device_client_id", ""),
        scopes=tuple(spec.get("scopes", ())),
        groups_claim=spec.get("groups_claim", "groups"),
    )


def _rule(content: Content) -> Rule:
    spec = content["spec"]
    return Rule(
        name=_name(content),
        issuer=spec["issuer"],
        audience=spec["audience"],
        claims=spec["claims"],
        subject=subject_named(spec["account"]),
    )


def _name(content: Content) -> str:
    return content["metadata"]["name"]


def _known(content: Content) -> Known:
    spec = content["spec"]
    mandate = spec.get("mandate")
    return Known(
        roles=frozenset(spec["roles"]),
        labels=content["metadata"]["labels"],
        tenant=tenant_of(content),
        residency=frozenset(spec.get("residency", ())),
        mandate=None if mandate is None else frozenset(mandate),
    )
