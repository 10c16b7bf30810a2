"""May this actor do this to that? And why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.digest import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an action is done to: a kind, a name and the attributes policy may read.

    `revision` is set where the target is one of a snapshot: together with kind and
    name it stands for all attributes, so that a decision is found again without
    looking at them. Such a target's attributes never change.
    """

    kind: str
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    revision: str = ""

    @classmethod
    def fixed(cls, kind: str, name: str, attributes: Mapping[str, Any]) -> "Target":
        """Return a target whose attributes never change, named by their digest."""
        revision = digest_of(dict(attributes))
        return cls(kind=kind, name=name, attributes=attributes, revision=revision)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def tenant(self) -> str:
        """Return the tenant that it belongs to."""
        return self.attributes.get("tenant", DEFAULT_TENANT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer that carries its reasons, so that every denial explains itself."""

    allowed: bool
    reasons: tuple[str, ...]
    policy_digest: str
