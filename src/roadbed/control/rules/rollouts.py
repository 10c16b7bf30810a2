"""What a stack must go on to declare for the sake of rollouts."""

from collections.abc import Iterator

from roadbed.control.answering import answering
from roadbed.control.catalog import Catalog
from roadbed.control.plan import pins
from roadbed.control.rolling import Turn, turns
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import Problem
from roadbed.core.reference import VersionRef, parse


def rollouts_keep_what_they_serve(
    stack: Stack, state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """What a rollout serves beside the pin has its model and provider declared."""
    found = {turn.endpoint: turn for turn in turns(stack, state)}
    pinned = {(endpoint.key, pin) for endpoint, pin, _ in pins(stack)}
    for endpoint in stack.of("Endpoint"):
        for ref in _served(endpoint, found.get(endpoint.key[1]), state):
            if (endpoint.key, ref) in pinned:
                continue
            lacking = _lacking(ref, stack, state)
            if lacking:
                yield endpoint.problem(
                    ("spec", "model"),
                    f"{ref} still answers here, and {lacking} is not declared",
                    "declare it until the rollout is over, and what is pinned is "
                    "all that is served",
                )


def _served(endpoint: Loaded, turn: Turn | None, state: State) -> list[VersionRef]:
    if turn is None:
        return answering(endpoint.content, state.rolling.get(endpoint.key[1]))
    steps = turn.begins and turn.release is not None
    return [parse(turn.before)] if steps else []


def _lacking(ref: VersionRef, stack: Stack, state: State) -> str:
    if not stack.declares("Model", ref.name):
        return f"the model {ref.name!r}"
    version = state.version(ref)
    provider = str(version.body.get("provider", "")) if version else ""
    if provider and not stack.declares("Provider", provider):
        return f"its provider {provider!r}"
    return ""
