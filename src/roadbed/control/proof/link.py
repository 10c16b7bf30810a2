"""One hop of a verified chain, and how a whole chain stands. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["VERIFIED", "UNSEALED", "ERASED", "BROKEN"]
"""Verified: all of it was hashed again and is what was signed. Unsealed: nothing yet
vouches for it, or only a name does. Erased: gone on purpose, and custody is intact.
Broken: it is not what it was."""

_WORST: Sequence[State] = ("VERIFIED", "ERASED", "UNSEALED", "BROKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A hop: what kind of thing it is, its name and digest, its state, and why.

    `owner` is the resource that one must be allowed to see, to see the hop:
    `Dataset/tumors`, `Run/0199…`; empty if it shows nothing of any.
    """

    kind: str
    name: str
    state: State
    reason: str = ""
    digest: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a walk came to: every hop, the thing that was asked about first."""

    subject: str
    links: tuple[Link, ...]

    @property
    def state(self) -> State:
        """Return how the chain stands: as its worst hop does."""
        return worst(link.state for link in self.links)

    @property
    def broken(self) -> bool:
        """Say whether any hop is broken."""
        return self.state == "BROKEN"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "subject": self.subject,
            "state": self.state,
            "links": [_shown(link) for link in self.links],
        }

    def __str__(self) -> str:
        counts = {s: sum(x.state == s for x in self.links) for s in _WORST}
        told = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
        return f"{self.subject}: {self.state} ({told})"


def _shown(link: Link) -> dict[str, Any]:
    return {name: value for name, value in asdict(link).items() if name != "owner"}


def worst(states: Iterable[State]) -> State:
    """Return the worst of *states*; nothing at all vouches for nothing."""
    found = [_WORST.index(state) for state in states]
    return _WORST[max(found)] if found else "UNSEALED"
