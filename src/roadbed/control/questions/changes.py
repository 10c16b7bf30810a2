"""The answer to "what changed between these two?", as plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "data", "code", "features", "parameters", "environment", "hardware", "hosted"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A metric of both sides. `better` is None where its name does not say."""

    metric: str
    left: float
    right: float
    better: bool | None = None

    @property
    def size(self) -> float:
        """Return how far it moved: absolutely for shares, else relatively."""
        delta = abs(self.right - self.left)
        largest = max(abs(self.left), abs(self.right))
        return delta if largest <= 1 else delta / largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs.

    `share` is how much of it differs, from 0 to 1, None if that is not known.
    `weight` is how much a thing of its kind can matter, from 0 to 1; `because` says
    why it is that much.
    """

    kind: Kind
    subject: str
    told: str
    share: float | None
    weight: float
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One field of comparison. `differs` is None where a side did not record it."""

    name: str
    differs: bool | None
    lines: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A change in its place: the first is most likely responsible.

    `score` orders, from 0 to 1; it is no probability.
    """

    kind: str
    subject: str
    score: float
    told: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed from *left* to *right*, and what of it most likely matters."""

    left: str
    right: str
    effects: tuple[Effect, ...] = ()
    causes: tuple[Cause, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)
