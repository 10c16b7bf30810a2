"""One rollout as it is kept, one change of it, and what an endpoint serves by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.rollouts.plan import Plan
from roadbed.rollouts.state import State

CONTROLLER = "system:rollouts"
"""Who acts where nobody did: the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The change of an endpoint from the version `old` to `new`, such as `bot@7`.

    `declared` is the version that the stack pinned while it began: `new`, except where
    somebody went back to a version from before. `spec` is the block that declares how
    it goes, empty if there was none; `snapshot` is the revision of the stack.
    """

    id: str
    endpoint: str
    tenant: str
    declared: str
    old: str
    new: str
    old_digest: str
    new_digest: str
    plan: Plan
    state: State
    snapshot: int
    started_by: str
    started_us: int
    changed_us: int
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """Return the share of units, of 10,000, that get the newer version."""
        return self.state.weight(self.plan)

    @property
    def step(self) -> int:
        """Return the step that it is or was in, from 1; 0 before the first."""
        state = self.state
        begun = (state.held or state.phase) not in ("draft", "approved", "shadow")
        return state.step + 1 if begun and self.plan.steps else 0

    @property
    def since_us(self) -> int:
        """Return when it came to where it is, in microseconds since 1970, UTC."""
        return round(self.state.since_s * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition: where it led, who or what did it, why, and on what evidence."""

    rollout: str
    revision: int
    phase: str
    step: int
    weight: int
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    evidence_digest: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an endpoint serves: `base`, and beside it `candidate`, if not empty.

    `weight` of 10,000 units get the candidate. `kept` is a version that stays loaded
    for `kept_s` seconds more, to go back to at once. `rollout` is what says so, None if
    only the stack does.
    """

    base: str
    candidate: str = ""
    weight: int = 0
    kept: str = ""
    kept_s: float = 0.0
    rollout: Rollout | None = None

    def drift(self, pin: str) -> bool:
        """Say whether something else is served than *pin*, with nothing under way."""
        return not self.candidate and self.base != pin


def served(pin: str, newest: Rollout | None, now_s: float) -> Served:
    """Return what an endpoint serves that the stack pins to *pin*.

    *newest* is its newest rollout. It counts as long as the stack pins what it pinned
    then, so merging another pin always ends it.
    """
    if newest is None or newest.declared != pin:
        return Served(base=pin)
    phase, state = newest.state.phase, newest.state
    if phase == "promoted":
        left_s = state.since_s + newest.plan.soak_s - now_s
        if not newest.spec or left_s <= 0:
            return Served(base=newest.new, rollout=newest)
        return Served(base=newest.new, kept=newest.old, kept_s=left_s, rollout=newest)
    if phase in ("rolling_back", "rolled_back", "aborted"):
        return Served(base=newest.old, rollout=newest)
    if phase == "superseded":
        return Served(base=pin)
    return Served(
        base=newest.old, candidate=newest.new, weight=newest.weight, rollout=newest
    )
