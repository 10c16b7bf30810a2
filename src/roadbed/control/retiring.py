"""Which versions are served, or about to be, that their provider will soon retire."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from roadbed.control.answering import answering
from roadbed.control.plan import next_version
from roadbed.control.stack import Key, Stack
from roadbed.control.state import State
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.reference import VersionRef
from roadbed.registry.deprecations import Announced, announced, shipped

WARN_DAYS = 180
OWN = "Deprecation"
Contents = Mapping[Key, Mapping[str, Any]]
"""Resources, as plain JSON, by kind and name."""
Define = Callable[[VersionRef], Mapping[str, Any] | None]
"""Returns the definition of a version, None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """A version behind an endpoint, and the announcement that ends it."""

    endpoint: str
    version: str
    upstream: str
    announced: Announced
    days: int

    @property
    def title(self) -> str:
        """Say what ends, and when."""
        word = "retires" if self.days > 0 else "was retired"
        return f"{self.upstream} {word} on {self.announced.retires_on}"

    @property
    def detail(self) -> str:
        """Say what else is known, beside the title."""
        return f"{self._when}; {self._answers}{self._advice}"

    def __str__(self) -> str:
        return f"{self._answers}, and {self.title} ({self._when}){self._advice}"

    @property
    def _answers(self) -> str:
        return f"{self.endpoint} may be answered by {self.version}"

    @property
    def _when(self) -> str:
        return f"in {self.days} days" if self.days > 0 else f"{-self.days} days ago"

    @property
    def _advice(self) -> str:
        instead, source = self.announced.replacement, self.announced.source
        advice = f"; {instead} takes its place" if instead else ""
        return advice + (f": {source}" if source else "")


def of_stack(stack: Stack, state: State, today: date) -> tuple[Retirement, ...]:
    """Return what retires of what *stack* declares, also of versions it will make."""
    contents = {loaded.key: loaded.content for loaded in stack.resources}

    def define(ref: VersionRef) -> Mapping[str, Any] | None:
        known = state.version(ref)
        if known is not None:
            return known.definition
        model = contents.get(("Model", ref.name))
        made = next_version(model, state) if model else None
        return made[1] if made and made[0] == ref else None

    return tuple(_retiring(contents, define, today, state))


def of_state(state: State, today: date) -> tuple[Retirement, ...]:
    """Return what retires of what is live."""
    contents = {key: found.content for key, found in state.resources.items()}

    def define(ref: VersionRef) -> Mapping[str, Any] | None:
        known = state.version(ref)
        return known.definition if known else None

    return tuple(_retiring(contents, define, today, state))


def _retiring(
    contents: Contents, define: Define, today: date, state: State
) -> Iterator[Retirement]:
    endpoints = ((key[1], c) for key, c in contents.items() if key[0] == "Endpoint")
    for name, content in sorted(endpoints, key=lambda each: each[0]):
        known = shipped().with_own(_own(contents, content))
        for ref in answering(content, state.rolling.get(name)):
            hosted = (define(ref) or {}).get("hosted") or {}
            provider = contents.get(("Provider", str(hosted.get("provider"))))
            if provider is None:
                continue
            upstream = str(hosted["upstream"])
            found = known.of(provider["spec"]["type"], upstream)
            if found is None or (found.retires_on - today).days > WARN_DAYS:
                continue
            yield Retirement(
                endpoint=name,
                version=str(ref),
                upstream=upstream,
                announced=found,
                days=(found.retires_on - today).days,
            )


def _own(contents: Contents, endpoint: Mapping[str, Any]) -> list[Announced]:
    """Return what the stack announces to the endpoint's tenant, and to all."""
    to = (DEFAULT_TENANT, _tenant(endpoint))
    return [
        announced(content["spec"])
        for (kind, _), content in sorted(contents.items())
        if kind == OWN and _tenant(content) in to
    ]


def _tenant(content: Mapping[str, Any]) -> str:
    return content["metadata"].get("tenant", DEFAULT_TENANT)
