"""Where a rollout is, and what was seen on the way: one value, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.wagers import Wager

Phase = Literal[
    "draft",
    "approved",
    "shadow",
    "canary",
    "soaking",
    "promoted",
    "paused",
    "inconclusive",
    "rolling_back",
    "rolled_back",
    "aborted",
    "superseded",
]
OVER: frozenset[Phase] = frozenset({"promoted", "rolled_back", "aborted", "superseded"})
"""The phases that nothing follows."""
ACTIVE: tuple[Phase, ...] = tuple(p for p in get_args(Phase) if p not in OVER)
"""The phases of a rollout that is under way."""
WAITING: tuple[Phase, ...] = ("draft", "paused", "inconclusive")
"""The phases in which nothing goes on until somebody does something."""
NOTHING: frozenset[Phase] = frozenset(
    {
        *("draft", "approved", "shadow"),
        *("rolling_back", "rolled_back", "aborted", "superseded"),
    }
)
"""The phases in which nobody is answered by the newer version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was seen under one guardrail since the rollout began."""

    wager: Wager = field(default_factory=Wager)
    old: Counts | Numbers | None = None
    new: Counts | Numbers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a rollout is.

    `revision` counts the changes, `since_s` is when it came to where it is now, and
    `reason` why. `step` is the step of a canary, from 0; while it is paused or
    inconclusive, `held` is the phase to go on in. `seen` counts the units of the newer
    version in this phase and step. Times are seconds since 1970, UTC.
    """

    phase: Phase = "draft"
    revision: int = 0
    step: int = 0
    since_s: float = 0.0
    reason: str = ""
    held: Phase | None = None
    seen: int = 0
    ratio: Wager = field(default_factory=Wager)
    ledgers: Mapping[str, Ledger] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def over(self) -> bool:
        """Say whether nothing follows."""
        return self.phase in OVER

    def weight(self, plan: Plan) -> int:
        """Return the share of units, of 10,000, that get the newer version."""
        phase = self.held or self.phase
        if self.phase in NOTHING or phase in NOTHING:
            return 0
        if phase == "canary":
            return plan.weight(plan.steps[self.step])
        return plan.most if phase == "soaking" else BUCKETS
