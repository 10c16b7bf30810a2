"""Keeps tenants apart in what a stack declares: who may refer to whom.

Providers of the tenant `default` are for all; everything else refers to its own.
"""

from collections.abc import Iterator

from roadbed.control.catalog import Catalog
from roadbed.control.document import Path as Place
from roadbed.control.plan import pins
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Problem
from roadbed.core.resource import tenant_of


def tenants_stay(stack: Stack, state: State, _catalog: Catalog) -> Iterator[Problem]:
    """A name belongs to one tenant for good, with all that was ever made under it."""
    for loaded in stack.resources:
        before = state.tenants.get(loaded.key)
        if before not in (None, _tenant(loaded)):
            kind, name = loaded.key
            yield loaded.problem(
                ("metadata", "tenant"),
                f"{kind} {name} belongs to the tenant {before}",
                "its versions and its records stay there: take another name",
            )


def references_stay_within_a_tenant(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """Endpoints serve models, and models run on providers, that their tenant has."""
    for endpoint, pin, place in pins(stack):
        model = stack.by_key.get(("Model", pin.name))
        if model is not None and _tenant(model) != _tenant(endpoint):
            yield _elsewhere(endpoint, place, model)
        version = state.version(pin)
        if version is not None:
            yield from _runs_on(endpoint, place, str(version.body["provider"]), stack)
    for model in stack.of("Model"):
        kind = "hosted" if model.content["spec"].get("hosted") else "trained"
        name = model.content["spec"][kind]["provider"]
        yield from _runs_on(model, ("spec", kind, "provider"), name, stack)


def federations_stay_within_a_tenant(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A federation proves an account of its own tenant."""
    for federation in stack.of("Federation"):
        name = federation.content["spec"]["account"]
        account = stack.by_key.get(("ServiceAccount", name))
        if account is not None and _tenant(account) != _tenant(federation):
            yield _elsewhere(federation, ("spec", "account"), account)


def _runs_on(
    loaded: Loaded, place: Place, name: str, stack: Stack
) -> Iterator[Problem]:
    provider = stack.by_key.get(("Provider", name))
    allowed = (_tenant(loaded), DEFAULT_TENANT)
    if provider is not None and _tenant(provider) not in allowed:
        yield _elsewhere(loaded, place, provider)


def _elsewhere(loaded: Loaded, place: Place, other: Loaded) -> Problem:
    kind, name = other.key
    return loaded.problem(
        place,
        f"{kind.lower()} {name} belongs to the tenant {_tenant(other)}, "
        f"and {loaded.resource.metadata.name} to {_tenant(loaded)}",
        "refer to what the same tenant has; providers of `default` are for all",
    )


def _tenant(loaded: Loaded) -> str:
    return tenant_of(loaded.content)
