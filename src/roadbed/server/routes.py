"""A route of the control API: what it answers to, what it needs, what it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from roadbed.access.visible import Viewer
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.inference.snapshot import Snapshot
from roadbed.server.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a handler is given: who asks for what, and what to answer it with."""

    services: Services
    principal: Principal
    snapshot: Snapshot
    params: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None

    @property
    def actor(self) -> str:
        """Return who asks, as the audit log writes it."""
        return str(self.principal)

    @property
    def viewer(self) -> Viewer:
        """Return the caller as one who sees what the policies let them see."""
        return Viewer(
            authority=self.snapshot.authority,
            principal=self.principal,
            now_us=self.services.now_us(),
        )

    @property
    def tenant(self) -> str:
        """Return the tenant of the caller: nothing they send says another."""
        return self.principal.tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer that is not JSON made from a model: a download, or metrics."""

    content_type: str
    body: bytes
    filename: str = ""


Handler = Callable[[Ask], Any]
"""Returns an instance of the route's `answer`, or a Raw. Blocks; runs in a thread."""
Locate = Callable[[Ask], Target | None]
"""Finds what a request names, as policies read it; None if there is no such thing.
What is of another tenant than the caller is no such thing either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `{name}` in the path is one part of an address.

    `action` is asked for before the handler runs. What it is asked for on is one
    thing that `locate` finds, called by the part of the path named `target`; or each
    item of the list in the answer's field `lists`, which the handler sees to; or,
    without either, all of the kind that the action belongs to.
    """

    method: str
    path: str
    action: str
    handler: Handler
    summary: str
    answer: Any
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    target: str = ""
    locate: Locate | None = None
    lists: str = ""
    status: int = 200
    tag: str = ""


class Listed(Protocol):
    """What every route has, wherever it is served from."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path, with `{…}` for its variable parts."""
        ...

    @property
    def action(self) -> str:
        """What it needs, or PUBLIC."""
        ...
