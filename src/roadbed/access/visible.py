"""What one principal may see: a list shows exactly what a get would show.

Whatever belongs to another tenant is decided upon as if it did not exist, so that
neither the answer nor the way to it tells the two apart.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from roadbed.access.actions import ACTIONS, ANY
from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Decision, Target
from roadbed.inference.snapshot import Authority, Snapshot

PLATFORM = frozenset({"Access", "AuditLog", "Metrics", "Stack"})
"""Kinds of which there is one for all: it belongs to the tenant `default`."""
BATCH = 1_000
"""How many items are looked at together, at most, while a page is being filled."""

T = TypeVar("T")


def visible(
    authority: Authority,
    principal: Principal,
    action: str,
    items: Iterable[T],
    target_of: Callable[[T], Target],
    now_us: int = 0,
) -> list[T]:
    """Return those of *items* to which *principal* may do *action*, in their order."""
    return [
        item
        for item in items
        if authority.decide(principal, action, target_of(item), now_us).allowed
    ]


def whole(principal: Principal, kind: str) -> Target:
    """Return all of *kind* as a target: what there is of it in the own tenant."""
    tenant = DEFAULT_TENANT if kind in PLATFORM else principal.tenant
    return Target(kind=kind, name=ANY, attributes={"tenant": tenant})


def nothing(principal: Principal, kind: str, name: str) -> Target:
    """Return what stands for something that *principal* cannot find."""
    attributes = whole(principal, kind).attributes
    return Target(kind=kind, name=name, attributes=attributes)


def own(principal: Principal, found: Target | None) -> Target | None:
    """Return *found* if it is of the principal's tenant, else None: as if absent."""
    return found if found and found.tenant == principal.tenant else None


def endpoint_of(snapshot: Snapshot, principal: Principal, name: str) -> Target | None:
    """Return the endpoint called *name*, None if *principal*'s tenant has none."""
    attributes = snapshot.readable(name)
    if attributes is None:
        return None
    return own(principal, Target(kind="Endpoint", name=name, attributes=attributes))


def endpoints(viewer: "Viewer", snapshot: Snapshot) -> list[str]:
    """Return the names of the endpoints that *viewer* may see, served or not."""
    names = sorted({*snapshot.deployments, *snapshot.broken})
    found = (endpoint_of(snapshot, viewer.principal, name) for name in names)
    seen = viewer.only("endpoint.read", filter(None, found), lambda target: target)
    return [target.name for target in seen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who looks, and the policies of that moment."""

    authority: Authority
    principal: Principal
    now_us: int = 0

    def decide(self, action: str, target: Target) -> Decision:
        """Decide whether this viewer may do *action* to *target*."""
        return self.authority.decide(self.principal, action, target, self.now_us)

    def may(self, action: str, target: Target | None = None) -> bool:
        """Say whether it is allowed; without a target, to all of its kind."""
        chosen = target or whole(self.principal, ACTIONS[action].kind)
        return self.decide(action, chosen).allowed

    def might(self, action: str) -> bool:
        """Say whether *action* may be allowed to some of its kind.

        If not, nothing needs to be looked up: the built-in policies refuse to all
        what they refuse to one, and only a declared one can tell them apart.
        """
        return self.authority.declares(action) or self.may(action)

    def only(
        self, action: str, items: Iterable[T], target_of: Callable[[T], Target]
    ) -> list[T]:
        """Return those of *items* to which this viewer may do *action*."""
        return visible(
            self.authority, self.principal, action, items, target_of, self.now_us
        )

    def page(
        self,
        action: str,
        fetch: Callable[[T | None, int], list[T]],
        target_of: Callable[[T], Target],
        limit: int,
    ) -> list[T]:
        """Return the first *limit* visible items of a long list.

        *fetch* returns what follows an item (None: the start), at most as many as
        it is told, and fewer only at the end of the list.
        """
        seen: list[T] = []
        last, size = None, limit
        while True:
            batch = fetch(last, size)
            seen += self.only(action, batch, target_of)
            if len(seen) >= limit or len(batch) < size:
                return seen[:limit]
            last, size = batch[-1], min(2 * size, BATCH)
