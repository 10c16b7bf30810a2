"""May this actor do this to that? And why."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an action is done to: a kind, a name and the attributes policy may read."""

    kind: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer that carries its reasons, so that every denial explains itself."""

    allowed: bool
    reasons: tuple[str, ...]
    policy_digest: str
