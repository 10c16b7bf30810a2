"""Keeps versions from being made, or pinned, that their provider cannot serve."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from roadbed.control.catalog import Catalog
from roadbed.control.fields import at
from roadbed.control.plan import definition_of, pins
from roadbed.control.readable import configs_of
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import NotFound, Problem

Definition = Mapping[str, Any]
_TRACKED = (
    "a tracking client registered its files, which are not run here; register the "
    "model in a run of the workbench, which exports it and compares what it predicts"
)


def providers_can_serve(
    stack: Stack, state: State, catalog: Catalog
) -> Iterator[Problem]:
    """No version is made, and none is pinned, that its provider cannot serve."""
    told: set[str] = set()
    for loaded in stack.of("Model"):
        definition = _declared(loaded)
        reason = unfit(definition, stack, catalog)
        if reason is not None:
            name = loaded.resource.metadata.name
            told.add(name)
            place = ("spec", next(iter(definition)))
            yield loaded.problem(place, _refusal(definition, name), reason)
    for endpoint, pin, place in pins(stack):
        version = state.version(pin)
        if version is None or pin.name in told or not stack.declares("Model", pin.name):
            continue
        if "tracked" in version.definition:
            yield endpoint.problem(place, f"{pin} cannot be served", _TRACKED)
            continue
        reason = unfit(version.definition, stack, catalog)
        if reason is not None:
            message = _refusal(version.definition, str(pin))
            yield endpoint.problem(place, message, reason)


def unfit(definition: Definition, stack: Stack, catalog: Catalog) -> str | None:
    """Return why its provider cannot serve *definition*, or None if it may."""
    places = places_of(definition, stack, catalog)
    reasons = (catalog.unfit(*place, definition) for place in places)
    return next((reason for reason in reasons if reason is not None), None)


def places_of(
    definition: Definition, stack: Stack, catalog: Catalog
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return type and config of each place of the provider that *definition* names.

    None of them if it is not declared, or wrong itself: another rule says so.
    """
    (body,) = definition.values()
    provider = stack.by_key.get(("Provider", body["provider"]))
    if provider is None:
        return []
    type_name, configs = provider.content["spec"]["type"], configs_of(provider.content)
    try:
        for config in configs:
            catalog.config_class(type_name).model_validate(config)
    except (NotFound, ValidationError):
        return []
    return [(type_name, config) for config in configs]


def _refusal(definition: Definition, name: str) -> str:
    (body,) = definition.values()
    return f"provider {body['provider']} cannot serve {name}"


def _declared(loaded: Loaded) -> Definition:
    """Return the definition that a Model declares, with its documents' bytes."""
    definition = definition_of(loaded.content)
    if definition is None:
        return {"trained": loaded.content["spec"]["trained"]}
    definition = deepcopy(definition)
    for place, tree in loaded.trees.items():
        data = {file.path: file.data for file in tree.files}
        for file in at(definition, place[1:])["files"]:
            file["data"] = data[file["path"]]
    return definition
