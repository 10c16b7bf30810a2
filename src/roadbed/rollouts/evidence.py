"""What one look at a rollout shows: the calls since the look before, the replicas."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts


def size(side: Counts | Numbers | None) -> int:
    """Return how many units a *side* is of."""
    if side is None:
        return 0
    return side.of if isinstance(side, Counts) else side.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """The older version and the newer one, under one guardrail, in one look.

    With `risk`, that is what the bet is made on, and `old` and `new` are of all units
    since the rollout began.
    """

    old: Counts | Numbers
    new: Counts | Numbers
    risk: "Both | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One look.

    `old` and `new` are the units that were assigned to the versions for the first
    time, not counting those that are not there by chance, at the `weight` that was in
    force. `seen` are all that the newer version answered and that were not counted in
    this phase and step yet, None if those are `new`. Where all units go to the newer
    version at once, the older one's side of `looks` is from before. `tripped` are
    things that no version may do, such as failing to load. `ready` is the
    share of replicas that have loaded the newer version, `back` the share of those
    that send nothing to it any more.
    """

    old: int = 0
    new: int = 0
    weight: int = 0
    seen: int | None = None
    looks: Mapping[str, Both] = field(default_factory=dict)
    tripped: tuple[str, ...] = ()
    ready: float = 0.0
    back: float = 0.0
