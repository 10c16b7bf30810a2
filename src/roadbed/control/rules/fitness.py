"""Keeps versions from being made, or pinned, that their provider cannot serve."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from roadbed.control.catalog import Catalog
from roadbed.control.fields import at
from roadbed.control.plan import definition_of, pins
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import NotFound, Problem

Definition = Mapping[str, Any]


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
    for endpoint, pin in pins(stack):
        version = state.version(pin)
        if version is None or pin.name in told or not stack.declares("Model", pin.name):
            continue
        reason = unfit(version.definition, stack, catalog)
        if reason is not None:
            message = _refusal(version.definition, str(pin))
            yield endpoint.problem(("spec", "model"), message, reason)


def unfit(definition: Definition, stack: Stack, catalog: Catalog) -> str | None:
    """Return why its provider cannot serve *definition*, or None if it may."""
    found = provider_of(definition, stack, catalog)
    return None if found is None else catalog.unfit(*found, definition)


def provider_of(
    definition: Definition, stack: Stack, catalog: Catalog
) -> tuple[str, Mapping[str, Any]] | None:
    """Return the type and config of the provider that *definition* names.

    None if it is not declared, or wrong itself: another rule says so.
    """
    (body,) = definition.values()
    provider = stack.by_key.get(("Provider", body["provider"]))
    if provider is None:
        return None
    spec = provider.content["spec"]
    try:
        catalog.config_class(spec["type"]).model_validate(spec["config"])
    except (NotFound, ValidationError):
        return None
    return spec["type"], spec["config"]


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
