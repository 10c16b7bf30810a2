"""The directory of a stack: what it declares about accounts, agents and people."""

from collections import defaultdict

from roadbed.control.state import Revision, State
from roadbed.core.resource import tenant_of
from roadbed.identity.directory import Company, Directory, Known


def directory_of(state: State) -> Directory:
    """Return the directory that the live resources of *state* make up."""
    bindings: dict[str, set[str]] = defaultdict(set)
    for binding in state.of("Binding"):
        for subject in binding.content["spec"]["subjects"]:
            bindings[subject] |= set(binding.content["spec"]["roles"])
    return Directory(
        accounts={a.name: _known(a) for a in state.of("ServiceAccount")},
        agents={a.name: _known(a) for a in state.of("Agent")},
        companies={
            p.content["spec"]["issuer"]: _company(p)
            for p in state.of("IdentityProvider")
        },
        bindings={name: frozenset(roles) for name, roles in bindings.items()},
    )


def _company(found: Revision) -> Company:
    spec = found.content["spec"]
    return Company(
        name=found.name,
        tenant=tenant_of(found.content),
        issuer=spec["issuer"],
        client_id=spec["client_id"],
        client_secret=spec.get("client_secret") or "",
        device_client_id=spec.get("device_client_id", ""),
        scopes=tuple(spec.get("scopes", ())),
        groups_claim=spec.get("groups_claim", "groups"),
    )


def _known(found: Revision) -> Known:
    spec = found.content["spec"]
    mandate = spec.get("mandate")
    return Known(
        roles=frozenset(spec["roles"]),
        labels=found.content["metadata"]["labels"],
        tenant=tenant_of(found.content),
        residency=frozenset(spec.get("residency", ())),
        mandate=None if mandate is None else frozenset(mandate),
    )
