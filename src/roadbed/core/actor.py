"""Who acts: a service account, a person, or Roadbed itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A proven identity and what is known about it.

    `kind` is `service-account`, `user` or `system`; `expires_us` is when the
    credential stops working, in microseconds since 1970.
    """

    kind: str
    name: str
    roles: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    tenant: str = "default"
    credential: str = ""
    expires_us: int = 0
    digest: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Principal(kind="system", name="roadbed")
"""Roadbed acting by itself: sealing, sequencing, adopting. Holds no roles."""
