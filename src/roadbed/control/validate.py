"""What a stack must be before it may be applied: one rule, one function.

A rule sees the stack, what is live, and the installed providers, and yields every
problem it finds, with file, line and what to do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from roadbed.control.catalog import Catalog
from roadbed.control.fields import check as check_fields
from roadbed.control.fields import did_you_mean
from roadbed.control.plan import definition_of, next_version, pins
from roadbed.control.readable import configs_of
from roadbed.control.rules import access as access_rules
from roadbed.control.rules import evaluations as evaluation_rules
from roadbed.control.rules import latency as latency_rules
from roadbed.control.rules import money as money_rules
from roadbed.control.rules import use as use_rules
from roadbed.control.rules.federations import (
    federations_are_distinct,
    federations_are_sound,
    issuers_are_sound,
)
from roadbed.control.rules.fitness import places_of, providers_can_serve
from roadbed.control.rules.lockout import accounts_can_still_act, policies_can_be_read
from roadbed.control.rules.rollouts import rollouts_keep_what_they_serve
from roadbed.control.rules.tenants import (
    federations_stay_within_a_tenant,
    references_stay_within_a_tenant,
    tenants_stay,
)
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem
from roadbed.core.reference import VersionRef

Rule = Callable[[Stack, State, Catalog], Iterator[Problem]]


def check(stack: Stack, state: State, catalog: Catalog) -> list[Problem]:
    """Return everything that forbids to apply *stack* on *state*."""
    return [problem for rule in RULES for problem in rule(stack, state, catalog)]


def provider_types_exist(
    stack: Stack, _state: State, catalog: Catalog
) -> Iterator[Problem]:
    """A provider's type is installed, and its config is one that the type accepts."""
    for loaded in stack.of("Provider"):
        type_name = loaded.content["spec"]["type"]
        if type_name not in catalog.names():
            hint = did_you_mean(type_name, catalog.names())
            place = ("spec", "type")
            yield loaded.problem(place, f"no provider is called {type_name!r}", hint)
            continue
        config = catalog.config_class(type_name)
        document = loaded.document
        if loaded.content["spec"].get("upstreams"):
            yield from _upstreams(loaded, config)
        elif "config" in document.value["spec"]:
            yield from check_fields(config, document, ("spec", "config"))
        else:
            yield from _without_config(loaded, config)


def models_have_providers(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A model runs on a provider that is declared."""
    for loaded in stack.of("Model"):
        kind = "hosted" if loaded.content["spec"].get("hosted") else "trained"
        name = loaded.content["spec"][kind]["provider"]
        if not stack.declares("Provider", name):
            yield loaded.problem(
                ("spec", kind, "provider"),
                f"there is no provider {name!r}",
                _missing("Provider", name, stack, _state),
            )


def versions_stand_in_for_others(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A fallback is another version than those that are asked before it."""
    asked: set[tuple[str, VersionRef]] = set()
    for endpoint, pin, place in pins(stack):
        if (endpoint.key[1], pin) in asked and place[1] == "fallback":
            message = f"{pin} is asked before, and would only be asked again"
            hint = "name another version; `retries` says how often one is asked"
            yield endpoint.problem(place, message, hint)
        asked.add((endpoint.key[1], pin))


def endpoints_have_versions(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An endpoint pins a version that exists, or that this same plan makes."""
    for endpoint, pin, place in pins(stack):
        if not stack.declares("Model", pin.name):
            message = f"there is no model {pin.name!r}"
            hint = _missing("Model", pin.name, stack, state)
        elif ("Model", pin.name) in stack.broken:
            continue
        elif _definition(pin, stack, state) is None:
            message = f"{pin} does not exist"
            hint = _versions_of(pin.name, stack, state)
        else:
            continue
        yield endpoint.problem(place, message, hint)


def pinned_versions_have_providers(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """The provider of a pinned older version stays for as long as the pin does."""
    for endpoint, pin, place in pins(stack):
        version = state.version(pin)
        if version is None or not stack.declares("Model", pin.name):
            continue
        name = version.body["provider"]
        if name and not stack.declares("Provider", name):
            yield endpoint.problem(
                place,
                f"{pin} runs on the provider {name!r}, which is not declared",
                "keep that provider, or pin a version that runs elsewhere",
            )


def production_is_pinned(
    stack: Stack, state: State, catalog: Catalog
) -> Iterator[Problem]:
    """A production endpoint serves no name that its owner may point elsewhere."""
    for endpoint, pin, pinned in pins(stack):
        definition = _definition(pin, stack, state)
        if endpoint.content["spec"]["stage"] != "production" or definition is None:
            continue
        reason = _floating(definition, stack, catalog)
        if reason is None:
            continue
        name = endpoint.resource.metadata.name
        upstream = definition["hosted"]["upstream"]
        model = stack.by_key["Model", pin.name]
        current = definition == definition_of(model.content)
        place = ("spec", "hosted", "upstream") if current else pinned
        yield (model if current else endpoint).problem(
            place,
            f"{upstream!r} is not pinned, and endpoint {name} is in production",
            reason,
        )


def purposes_agree(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """An endpoint is used for what its model is meant for, and nothing prohibited."""
    for endpoint, pin, _ in pins(stack):
        model = stack.by_key.get(("Model", pin.name))
        purpose = endpoint.content["spec"]["purpose"]
        if model is None or not purpose:
            continue
        spec = model.content["spec"]
        if purpose in spec["prohibited_purposes"]:
            message = f"{pin.name} prohibits the purpose {purpose!r}"
        elif spec["purposes"] and purpose not in spec["purposes"]:
            message = f"{pin.name} is not meant for the purpose {purpose!r}"
        else:
            continue
        meant = ", ".join(spec["purposes"]) or "anything else"
        hint = f"{pin.name} is meant for {meant}"
        yield endpoint.problem(("spec", "purpose"), message, hint)


def _upstreams(loaded: Loaded, config: Any) -> Iterator[Problem]:
    """Say what is wrong with each upstream's config, over that of its provider."""
    document = loaded.document
    for at, merged in enumerate(configs_of(loaded.content)):
        spec = document.value["spec"]
        places = [dict(place) for place in spec["upstreams"]]
        places[at]["config"] = merged
        seen = {**document.value, "spec": {**spec, "upstreams": places}}
        whole = replace(document, value=seen)
        yield from check_fields(config, whole, ("spec", "upstreams", at, "config"))


def _without_config(loaded: Loaded, config: Any) -> Iterator[Problem]:
    """Name the fields that an absent config block would have had to have."""
    for name, field in config.model_fields.items():
        if field.is_required():
            place = ("spec", "config", field.alias or name)
            yield loaded.problem(place, "is missing", field.description or "")


def _definition(
    pin: VersionRef, stack: Stack, state: State
) -> Mapping[str, Any] | None:
    """Return the definition of *pin*, which exists or will after this plan."""
    version = state.version(pin)
    if version is not None:
        return version.definition
    model = stack.by_key.get(("Model", pin.name))
    made = None if model is None else next_version(model.content, state)
    return made[1] if made is not None and made[0] == pin else None


def _floating(
    definition: Mapping[str, Any], stack: Stack, catalog: Catalog
) -> str | None:
    if "hosted" not in definition:
        return None
    for place in places_of(definition, stack, catalog):
        reason = catalog.unpinned(*place, definition["hosted"]["upstream"])
        told = reason == catalog.unfit(*place, definition)  # by the rule for that
        if reason is not None and not told:
            return reason
    return None


def _missing(kind: str, name: str, stack: Stack, state: State) -> str:
    if (kind, name) in state.resources:
        return f"this plan would retire the {kind.lower()}; keep it, or drop this too"
    known = stack.names(kind)
    return did_you_mean(name, known, f"declare a {kind} of this name")


def _versions_of(model: str, stack: Stack, state: State) -> str:
    loaded = stack.by_key["Model", model]
    made = next_version(loaded.content, state)
    known = [f"{model}@{v.number}" for v in state.versions.get(model, ())]
    if made is not None:
        known.append(f"{made[0]} (made by this plan)")
    if known:
        return "there is " + ", ".join(known[-5:])
    return "a run registers the first version of a trained model; then pin it"


RULES: tuple[Rule, ...] = (
    provider_types_exist,
    models_have_providers,
    versions_stand_in_for_others,
    endpoints_have_versions,
    pinned_versions_have_providers,
    providers_can_serve,
    production_is_pinned,
    purposes_agree,
    *use_rules.RULES,
    *latency_rules.RULES,
    *access_rules.RULES,
    *money_rules.RULES,
    *evaluation_rules.RULES,
    rollouts_keep_what_they_serve,
    policies_can_be_read,
    accounts_can_still_act,
    issuers_are_sound,
    federations_are_sound,
    federations_are_distinct,
    tenants_stay,
    references_stay_within_a_tenant,
    federations_stay_within_a_tenant,
)
