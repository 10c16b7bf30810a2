"""A route of the control API: what it answers to, what it needs, what it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from roadbed.access.actions import PUBLIC
from roadbed.access.authorize import require
from roadbed.access.visible import Viewer
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import RoadbedError
from roadbed.inference.snapshot import Snapshot
from roadbed.server.errors import Reply
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
        """Return who asks, and who acts for them, as the audit log writes it."""
        return self.principal.chain

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

    def require(self, action: str, target: Target) -> None:
        """Raise Denied unless the caller may also do *action* to *target*.

        Whoever answers writes the refusal down, before it is told.
        """
        now_us = self.services.now_us()
        require(self.snapshot.authority, self.principal, action, target, now_us)


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
    without either, all of the kind that the action belongs to. `raw_type` is the type
    of what a handler returns as Raw.
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
    raw_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAsk:
    """What a handler is given where nobody is known yet, and no one is asked for.

    `authorization` is that header as it came; `possession` returns the thumbprint of
    the key that the request proves to hold, or raises; `form` holds the fields of
    the body.
    """

    services: Services
    snapshot: Snapshot
    authorization: str = ""
    possession: Callable[[], str] = str
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRoute:
    """A route that needs no permission: it finds out itself who is asking, if it must.

    The handler blocks and runs in a thread; what it returns is an `answer`. `form`
    describes the fields of a form-encoded body. `problem` writes what went wrong.
    """

    method: str
    path: str
    handler: Callable[[OpenAsk], Any]
    summary: str
    answer: Any
    problem: Callable[[RoadbedError], Reply]
    form: type[BaseModel] | None = None
    cache: str = "no-store"
    tag: str = "access"
    action: str = PUBLIC


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
