"""One route of the protocol: where it is, what it needs, and who answers it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.access.actions import ACTIONS
from roadbed.access.authorize import require
from roadbed.access.visible import Viewer, nothing, own, whole
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.inference.snapshot import Snapshot
from roadbed.ports.blobs import Blobs
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.registry.tracking.experiments import Who
from roadbed.server.mlflow.fields import Fields
from roadbed.server.services import Services


def _no_pieces() -> Iterator[bytes]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Sought:
    """What a request names: the thing as policies read it, or None, and its name.

    `missing` is what is said if there is none, or none of the caller's tenant.
    """

    target: Target | None
    name: str
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a handler is given: who asks for what, and what to answer it with.

    `size` is that of the body, `client` what the client calls itself, `pieces` the
    body of an upload, which waits for the network.
    """

    services: Services
    blobs: Blobs
    principal: Principal
    snapshot: Snapshot
    fields: Fields
    params: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    size: int = 0
    pieces: Callable[[], Iterator[bytes]] = field(default=_no_pieces)

    @property
    def tenant(self) -> str:
        """Return the tenant of the caller: nothing they send says another."""
        return self.principal.tenant

    @property
    def who(self) -> Who:
        """Return on whose behalf something is written now."""
        now_us = self.services.now_us()
        return Who(tenant=self.tenant, actor=self.principal.chain, now_us=now_us)

    @property
    def artifacts(self) -> Artifacts:
        """Return the files of runs."""
        services = self.services
        return Artifacts(services.database, self.blobs, services.clock)

    @property
    def viewer(self) -> Viewer:
        """Return the caller as one who sees what the policies let them see."""
        return Viewer(
            authority=self.snapshot.authority,
            principal=self.principal,
            now_us=self.services.now_us(),
        )

    def sees_all(self, action: str, kind: str) -> bool:
        """Say whether the caller may do *action* to every one of *kind*.

        Then a list need not be looked through; only declared policies tell items
        apart.
        """
        declared = self.snapshot.authority.declares(action)
        return not declared and self.viewer.may(action, whole(self.principal, kind))

    def require(self, action: str, target: Target) -> None:
        """Raise Denied unless the caller may also do *action* to *target*."""
        now_us = self.services.now_us()
        require(self.snapshot.authority, self.principal, action, target, now_us)

    def must_see(self, sought: Sought, action: str) -> Target:
        """Return what was *sought*, if the caller may do *action* to it.

        Raises Denied, or NotFound, as for the one thing that a route names.
        """
        found = own(self.principal, sought.target)
        kind = ACTIONS[action].kind
        self.require(action, found or nothing(self.principal, kind, sought.name[:200]))
        if found is None:
            raise NotFound(sought.missing)
        return found


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be sent, piece by piece."""

    pieces: Iterator[bytes]
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A text to be sent as it is."""

    text: str


Handler = Callable[[Asked], Any]
"""Returns a JSON object, a Download or a Plain. Blocks; runs in a thread."""
Locate = Callable[[Asked], Sought]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """One method of one path of the protocol.

    `action` is asked for before the handler runs: on what `locate` finds; on each item
    that the handler shows, where it `lists`; or else on all of the action's kind.
    `uploads` says that the body is a file.
    """

    method: str
    path: str
    action: str
    handler: Handler
    summary: str
    locate: Locate | None = None
    lists: bool = False
    uploads: bool = False


PREFIX = "/api/2.0/mlflow"


def route(
    method: str,
    path: str,
    action: str,
    handler: Handler,
    summary: str,
    **more: Any,
) -> Tracking:
    """Return a route below the protocol's prefix, or at an absolute *path*."""
    where = path if path.startswith("/") else f"{PREFIX}/{path}"
    return Tracking(
        method=method,
        path=where,
        action=action,
        handler=handler,
        summary=summary,
        **more,
    )
