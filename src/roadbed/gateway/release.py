"""How an endpoint goes from one pinned version to the next: the block `rollout`."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from roadbed.core.reference import NAME
from roadbed.inference.snapshot import Unit
from roadbed.inference.terms import Block

Percent = Annotated[float, Field(gt=0, le=100, multiple_of=0.01)]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Metric = Literal[
    "errors",
    "timeouts",
    "slow",
    "refusals",
    "judged-bad",
    "disliked",
    "cost",
    "output-tokens",
    "score",
    "prediction",
]
"""What must not get worse; those up to `disliked` are shares of units."""
SHARES: frozenset[Metric] = frozenset(
    {"errors", "timeouts", "slow", "refusals", "judged-bad", "disliked"}
)
"""The metrics that are good or bad of each unit; the others are numbers."""


class CanaryStep(Block):
    """A share of the traffic, and what it takes to leave it for more."""

    percent: Percent = Field(description="How many of 100 units get the new version.")
    hold_s: Seconds = Field(default=600, description="How long it lasts at least.")
    units: int = Field(
        default=100, ge=1, description="How many units have to be seen at least."
    )
    deadline_s: Seconds = Field(
        default=86_400,
        description="How long to wait for good news before it is inconclusive.",
    )


class Watched(Block):
    """Something that must not get worse, and how much worse would matter."""

    metric: Metric = Field(description="What is watched.")
    margin: float = Field(
        default=0.02,
        gt=0,
        description="How much higher it may be and traffic still grows: a share of "
        "units; of a number, a part of what it is at the old version; of `prediction`, "
        "how far it may move either way, in its standard deviations: 0.2, say.",
    )
    tolerated: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="How many times the odds of before are no reason to go back.",
    )
    judge: bool = Field(
        default=True,
        description="Whether it must have said something before traffic grows.",
    )


class First(Block):
    """Traffic that is known to be safe, which alone gets the new version at first."""

    percent: Percent = Field(
        default=50.0,
        description="How many of 100 of these units; the others show how it was.",
    )
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Labels that the stack gives to who calls, all of them.",
    )
    accounts: list[Annotated[str, Field(pattern=rf"^{NAME}$")]] = Field(
        default_factory=list, description="Service accounts, any of them."
    )
    hold_s: Seconds = Field(default=600, description="How long it lasts at least.")
    units: int = Field(
        default=1, ge=1, description="How many units have to be seen at least."
    )

    @model_validator(mode="after")
    def _selects_somebody(self) -> "First":
        if not self.labels and not self.accounts:
            raise ValueError("write labels or accounts")
        return self


class Mirror(Block):
    """Calls that the new version is asked too, after they were answered."""

    percent: Percent = Field(default=10.0, description="How many of 100 calls.")
    hold_s: Seconds = Field(default=600, description="How long it lasts at least.")
    units: int = Field(default=100, ge=1, description="How many calls at least.")
    budget: str = Field(
        default="1.00",
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?$",
        description='The most that all of it may cost, in US dollars: "1.00".',
    )


class Release(Block):
    """How a newly pinned version takes over. Without this block, at once."""

    strategy: Literal["canary", "shadow", "blue-green", "experiment", "immediate"] = (
        Field(default="canary", description="How traffic goes from old to new.")
    )
    unit: Unit = Field(
        default="user",
        description="Who stays with one version: who calls, the user or the session "
        "that the caller names, or nobody. Where none is named, each call is for "
        "itself, as it is in blue-green.",
    )
    steps: list[CanaryStep] = Field(
        default_factory=list,
        max_length=20,
        description="The shares, growing. Empty: 5, 25, 50 and 100 percent; half for "
        "an experiment; all for blue-green.",
    )
    first: First | None = Field(
        default=None, description="Who gets it before anybody else."
    )
    shadow: Mirror | None = Field(
        default=None, description="Whether calls are mirrored to it before."
    )
    guardrails: list[Watched] = Field(
        default_factory=list,
        max_length=20,
        description="What must not get worse. Empty: errors, timeouts, and slow where "
        "the endpoint promises a latency.",
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="The chance that a version that is no worse is rolled back.",
    )
    cost_limit: float = Field(
        default=10.0,
        gt=1,
        description="How many times the mean cost of a call before is too much.",
    )
    soak_s: Seconds = Field(
        default=3_600,
        description="How long the old version stays loaded, and in use for a few, "
        "after the last step.",
    )
    holdback_percent: float = Field(
        default=5.0,
        ge=0,
        le=50,
        description="How many of 100 units stay with the old version to compare with, "
        "in the last step of a canary and while it soaks. 0: nothing is compared then.",
    )
    ready_percent: Percent = Field(
        default=100.0, description="How many of 100 replicas must have it loaded."
    )
    ready_s: Seconds = Field(default=3_600, description="Within how long.")
    approval: bool = Field(
        default=False,
        description="Whether it waits until somebody else than who applied approves.",
    )

    @model_validator(mode="before")
    @classmethod
    def _nobody_stays(cls, said: Any) -> Any:
        """Let each call be a unit where all get the new version at once."""
        if isinstance(said, dict) and said.get("strategy") == "blue-green":
            return {"unit": "call", **said}
        return said

    @model_validator(mode="after")
    def _grows(self) -> "Release":
        shares = [step.percent for step in self.steps]
        if not all(a < b for a, b in pairwise(shares)):
            raise ValueError("the percent of steps grow from one to the next")
        names = [watched.metric for watched in self.guardrails]
        if len(set(names)) != len(names):
            raise ValueError("two guardrails watch the same metric")
        if self.strategy == "immediate" and (self.steps or self.shadow or self.first):
            raise ValueError("what is immediate has no steps")
        if self.strategy == "experiment" and len(self.steps) > 1:
            raise ValueError("an experiment has one step: its arms do not change")
        if self.strategy == "blue-green" and self.unit != "call":
            raise ValueError("blue-green switches everybody: leave unit out")
        if self.strategy == "blue-green" and self.steps:
            raise ValueError("blue-green switches all at once, without steps")
        return self
