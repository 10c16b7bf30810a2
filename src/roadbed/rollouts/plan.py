"""How a newer version is to take over: steps, guardrails, and how long all may take."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from roadbed.core.errors import Invalid
from roadbed.rollouts.assignment import BUCKETS

Strategy = Literal["canary", "shadow", "blue-green", "experiment", "immediate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A share of the traffic, of 10,000, and what it takes to leave it for more.

    `hold_s` seconds at least have to pass and `units` be seen of the newer version;
    after `deadline_s` without good news the step is inconclusive. `first` says that
    it is a share of those only who get a version before anybody else.
    """

    weight: int
    hold_s: int = 600
    units: int = 100
    deadline_s: int = 86_400
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """What must not get worse.

    `binary`: the share of bad units; the newer version is rolled back once its odds
    are shown to be more than `tolerated` times those of the older one, and goes on
    only while its share is shown to be less than `margin` higher. `continuous`: a
    mean; it is rolled back once that is shown to be more than `margin` worse, and goes
    on only once it is shown not to be. Worse is higher, so what is better when higher
    comes with its sign turned. With `either`, a mean must be neither higher nor lower,
    and `margin` is a part of the older version's standard deviation. `judge` says
    whether it must have said something before traffic grows.
    """

    name: str
    kind: Literal["binary", "continuous"] = "binary"
    margin: float = 0.02
    tolerated: float = 1.0
    judge: bool = True
    either: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One rollout, as it was approved. Never changed while it is under way.

    `alpha` is the chance that a version which is no worse is rolled back, and is
    shared out evenly among the guardrails. `shadow_s` seconds of mirrored traffic come
    first, if more than 0. `soak_s` is how long the older version stays ready, and in
    use for `holdback` of 10,000 units to compare with, after the last step. `ready` is
    the share of replicas that must have loaded the newer version, within `ready_s`
    seconds, before any traffic moves.
    """

    strategy: Strategy
    steps: tuple[Step, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    alpha: float = 0.05
    shadow_s: int = 0
    shadow_units: int = 100
    soak_s: int = 3_600
    holdback: int = 500
    ready: float = 1.0
    ready_s: int = 3_600

    def __post_init__(self) -> None:
        """Refuse a plan whose traffic does not grow step by step."""
        weights = [step.weight for step in self.steps if not step.first]
        ordered = all(a < b for a, b in pairwise(weights))
        if not ordered or not all(0 < s.weight <= BUCKETS for s in self.steps):
            raise Invalid("weights grow from step to step, from 1 to 10,000")
        if self.strategy != "immediate" and not self.steps:
            raise Invalid(f"a rollout by {self.strategy} takes at least one step")
        if any(step.first for step in self.steps[1:]):
            raise Invalid("who gets a version first gets it in the first step")
        names = [guardrail.name for guardrail in self.guardrails]
        if len(set(names)) != len(names):
            raise Invalid("two guardrails have the same name")

    @property
    def share(self) -> float:
        """Return the alpha of one guardrail."""
        return self.alpha / max(1, len(self.guardrails))

    @property
    def most(self) -> int:
        """Return how many of 10,000 units get the newer version before it is promoted.

        Some stay to compare with, or nobody could tell.
        """
        return BUCKETS - self.holdback

    def weight(self, step: Step) -> int:
        """Return how many of 10,000 units get the newer version in *step*."""
        return min(self.most, step.weight)
