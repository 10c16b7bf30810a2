"""What a stack must say of use: where calls are processed, and what data is for."""

from collections.abc import Iterator

from roadbed.control.catalog import Catalog
from roadbed.control.fields import did_you_mean
from roadbed.control.plan import definition_of, next_version, pins
from roadbed.control.readable import regions_of
from roadbed.control.stack import Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem
from roadbed.core.reference import VersionRef
from roadbed.data.purposes import unfit_for


def regions_are_allowed(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An endpoint that names regions is served from one of them."""
    for endpoint, pin, _ in pins(stack):
        allowed = endpoint.content["spec"]["residency"]
        name = _provider_of(pin, stack, state)
        provider = stack.by_key.get(("Provider", name)) if name else None
        if not allowed or provider is None:
            continue
        regions = regions_of(provider.content)
        if not set(regions).isdisjoint(allowed):
            continue
        region = ", ".join(sorted({region for region in regions if region}))
        where = f"in {region}" if region else "nobody says where"
        yield endpoint.problem(
            ("spec", "residency"),
            f"{pin} runs on the provider {name!r}, which processes {where}",
            f"allowed are {', '.join(allowed)}: pin a version that runs there"
            + ("" if region else ", or write the provider's `region`"),
        )


def withdrawn_stay_away(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An endpoint pins no version that was withdrawn."""
    for endpoint, pin, place in pins(stack):
        if pin in state.withdrawn:
            yield endpoint.problem(
                place,
                f"{pin} was withdrawn",
                "pin another version; what is withdrawn stays so",
            )


def data_suits_models(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A model is trained on datasets that exist and allow all its purposes."""
    for loaded in stack.of("Model"):
        spec = loaded.content["spec"]
        for at, name in enumerate((spec.get("trained") or {}).get("datasets", ())):
            place = ("spec", "trained", "datasets", at)
            dataset = stack.by_key.get(("Dataset", name))
            if dataset is not None:
                reason = unfit_for(dataset.content["spec"], spec)
                if reason:
                    yield loaded.problem(place, f"dataset {name} {reason}")
            elif not stack.declares("Dataset", name):
                hint = did_you_mean(
                    name, stack.names("Dataset"), "declare a Dataset of this name"
                )
                yield loaded.problem(place, f"there is no dataset {name!r}", hint)


def _provider_of(pin: VersionRef, stack: Stack, state: State) -> str:
    """Return the provider of *pin*, which exists or will after this plan."""
    version = state.version(pin)
    if version is not None:
        return str(version.body.get("provider", ""))
    model = stack.by_key.get(("Model", pin.name))
    made = None if model is None else next_version(model.content, state)
    if model is None or made is None or made[0] != pin:
        return ""
    return str((definition_of(model.content) or {})["hosted"]["provider"])


RULES = (regions_are_allowed, withdrawn_stay_away, data_suits_models)
