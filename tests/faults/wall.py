"""The wall: one server, and behind it each fault as an upstream of each dialect."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec

from roadbed.testing.upstream import BEHAVIOURS, Upstream
from tests.control.stacks import OPERATOR, resource
from tests.faults.callers import CALLERS, Chat, Messages, Responses, Tensors, Vectors
from tests.served_line import serving

LIMITS = {
    "private": True,
    "connect_timeout_ms": 700,
    "first_byte_timeout_ms": 2_500,
    "idle_timeout_ms": 1_200,
    "max_answer_bytes": 2_000_000,
}
DEADLINE_MS = 5_000


@dataclass(frozen=True)
class Place:
    """A provider of a type: what it needs besides the limits, and who may ask it."""

    path: str
    upstream: str
    callers: tuple
    more: tuple = ()
    type: str = ""


PLACES = {
    "openai": Place("/v1", "gpt-4o-2024-08-06", (Chat, Responses, Messages, Vectors)),
    "openai-native": Place(
        "/v1", "gpt-4o-2024-08-06", (Responses, Chat), (("responses", True),), "openai"
    ),
    "anthropic": Place("", "claude-sonnet-4-20250514", (Chat, Responses, Messages)),
    "gemini": Place("", "gemini-2.0-flash-001", (Chat, Responses, Messages)),
    "azure": Place("", "gpt-4o-2024-08-06", (Chat, Messages)),
    "bedrock": Place(
        "",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        (Chat, Responses, Messages),
        (("region", "eu-west-1"),),
    ),
    "oip": Place("", "scorer", (Tensors,)),
}


def is_here(provider):
    kind = PLACES[provider].type or provider
    return bool(find_spec(f"roadbed.adapters.providers.{kind}"))


def gaps():
    """Return what is not part of this checkout, and so is not tried."""
    missing = [f"provider {name}" for name in PLACES if not is_here(name)]
    return missing + [f"caller {c.name}" for c in CALLERS if not c.is_spoken()]


def pairs():
    """Return each provider with each caller that it can be asked by."""
    return [
        (name, caller)
        for name, place in PLACES.items()
        if is_here(name)
        for caller in place.callers
        if caller.is_spoken()
    ]


def declared(name, fault, upstream):
    """Return the provider, model and endpoint that stand before *upstream*."""
    place, own = PLACES[name], f"{name}-{fault}"
    config = {**LIMITS, **dict(place.more), "base_url": upstream.origin + place.path}
    lines = "".join(f"\n  {key}: {_yaml(value)}" for key, value in config.items())
    hosted = f"owner: team\nhosted:\n  provider: {own}\n  upstream: {place.upstream}"
    terms = f"deadline_ms: {DEADLINE_MS}\nretries: {{attempts: 1}}\nstage: development"
    return [
        resource("Provider", own, f"type: {place.type or name}\nconfig:{lines}"),
        resource("Model", own, hosted),
        resource("Endpoint", own, f"model: {own}@1\n{terms}"),
    ]


def _yaml(value):
    return str(value).lower() if isinstance(value, bool) else value


def _tamed(fault):
    """Return the behaviour, no larger and slower than the limits here call for."""
    how = BEHAVIOURS[fault]
    return replace(how, pad=min(how.pad, 4_000_000), piece=how.piece and 40)


@contextmanager
def standing(folder, faults=tuple(BEHAVIOURS)):
    """Serve the wall; give the line and the upstreams by fault."""
    with ExitStack() as stack:
        upstreams = {
            fault: stack.enter_context(Upstream(_tamed(fault), spares_reads=True))
            for fault in faults
        }
        names = sorted({name for name, _ in pairs()})
        stacks = [
            text
            for fault, upstream in upstreams.items()
            for name in names
            for text in declared(name, fault, upstream)
        ]
        yield stack.enter_context(serving(folder, OPERATOR, *stacks))
