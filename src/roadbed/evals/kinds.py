"""Evaluations as a team declares them: golden set, graders, and the bar to clear."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec
from roadbed.gateway.kinds import Dollars
from roadbed.inference.terms import Block, PinnedVersion

STRATA = ("model", "finish", "cache", "provider", "region", "degraded", "principal")
"""The facts of a call that may have a rate of their own to be drawn at."""

Column = Annotated[str, Field(min_length=1, max_length=200)]


class Cases(Block):
    """Where the cases are: a pinned dataset version, and which columns mean what.

    Columns that the dataset does not have are left out, except `input`.
    """

    dataset: PinnedVersion = Field(description="The golden set, such as tickets@3.")
    input: Column | list[Column] = Field(
        default="input",
        description="What is asked: a column of texts, or of JSON (chat messages); or "
        "the columns that are the features of a trained model.",
    )
    expected: Column = Field(
        default="expected", description="What the answer should be: text or JSON."
    )
    id: Column = Field(default="id", description="What tells cases apart.")
    tags: Column = Field(default="tags", description="Tags, for results by slice.")
    weight: Column = Field(default="weight", description="How much a case counts.")
    cluster: Column = Field(
        default="cluster",
        description="What cases that share a source have in common; such cases are "
        "not independent, and intervals take that into account.",
    )
    provenance: Column = Field(
        default="provenance", description="Where a case came from, as JSON."
    )


class Bar(Block):
    """What has to be shown before a version may be promoted."""

    quiet: ClassVar[frozenset[str]] = frozenset({"agreement"})

    tolerance: float | None = Field(
        default=None,
        ge=0,
        description="How much worse than the version in service it may be, on the "
        "grader's scale. It passes once the interval of the difference is within.",
    )
    floor: float | None = Field(
        default=None,
        description="What the score must reach at least (or at most, where lower is "
        "better). It passes once the whole interval does.",
    )
    agreement: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="For a grader that asks a judge: the share of cases in which it "
        "has to agree with people at least, such as 0.8. The judge gates while it has "
        "a certificate that shows so.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> "Bar":
        if self.tolerance is None and self.floor is None:
            raise ValueError("write tolerance, floor or both")
        return self

    @model_serializer(mode="wrap")
    def _without_silence(self, handler: SerializerFunctionWrapHandler) -> Any:
        said = handler(self)
        return {n: v for n, v in said.items() if n not in self.quiet or v is not None}


class Use(Block):
    """A grader, its settings, and the bar that it sets, if any."""

    name: str = Field(pattern=rf"^{NAME}$", description="What reports call it.")
    grader: str = Field(
        pattern=rf"^{NAME}$", description="Which grader it is, such as exact."
    )
    config: dict[str, Any] = Field(
        default_factory=dict, description="The settings of that grader."
    )
    gate: Bar | None = Field(
        default=None, description="The bar. Without one, the grader only informs."
    )


class Watch(Block):
    """Ask again every so often whether the model behind the pinned name changed."""

    account: str = Field(
        pattern=rf"^{NAME}$",
        description="The service account that asks; it needs the role eval-bot.",
    )
    every_hours: int = Field(
        default=24, ge=1, le=720, description="How often the cases are asked again."
    )
    cases: int = Field(
        default=100,
        ge=20,
        le=1000,
        description="How many cases are asked: the first ones of the golden set.",
    )


Rate = Annotated[float, Field(ge=0, le=1)]


class Uncertain(Block):
    """Draws calls more often of which the trained model itself was not sure."""

    below: float = Field(
        gt=0,
        le=1,
        description="The margin between the two most likely classes, below which a "
        "prediction is not sure.",
    )
    rate: float = Field(gt=0, le=1, description="How often such calls are drawn.")


class Online(Block):
    """Grades calls of production, drawn by chance, after they were answered.

    How likely each was to be drawn is kept with its grade, so that what is drawn more
    often does not count for more.
    """

    rate: float = Field(
        default=0.01, gt=0, le=1, description="The share of calls that is graded."
    )
    rates: dict[str, Rate] = Field(
        default_factory=dict,
        max_length=100,
        description="Other rates for some calls, such as `finish=length` or "
        "`label.team=billing`: 0 leaves them out.",
    )
    uncertain: Uncertain | None = Field(
        default=None, description="More often where a trained model is not sure."
    )
    graders: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="Which graders, by their names here; all, if none is named.",
    )
    budget: Dollars | None = Field(
        default=None, description="The most that it may cost a day, in US dollars."
    )
    account: str = Field(
        default="",
        pattern=rf"^({NAME})?$",
        description="The service account that asks judges; it needs the role eval-bot. "
        "Without one, only graders that ask nobody can grade.",
    )

    @model_validator(mode="after")
    def _strata_are_known(self) -> "Online":
        for stratum in self.rates:
            name, mark, _ = stratum.partition("=")
            if not mark or not (name in STRATA or name.startswith("label.")):
                known = ", ".join(STRATA)
                raise ValueError(
                    f"rates: {stratum[:60]!r} is not one of {known} or label.NAME, "
                    "with = and a value"
                )
        return self


class Evaluation(Spec):
    """What a version must show before an endpoint in production may serve it."""

    kind: ClassVar[str] = "Evaluation"

    endpoint: str = Field(
        pattern=rf"^{NAME}$", description="The endpoint whose versions it judges."
    )
    cases: Cases = Field(description="The golden set.")
    graders: list[Use] = Field(min_length=1, max_length=50, description="What judges.")
    request: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the request besides the conversation, such as "
        "temperature or tools.",
    )
    repeats: int = Field(
        default=1, ge=1, le=100, description="How often each case is asked."
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="How often, at most, a version that is as good may be called "
        "worse. Shared by all graders that gate.",
    )
    slices: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="Tags whose cases are also reported for themselves.",
    )
    budget: Dollars | None = Field(
        default=None, description="The most that one run may cost, in US dollars."
    )
    concurrency: int = Field(
        default=8, ge=1, le=256, description="How many cases are asked at once."
    )
    online: Online | None = Field(
        default=None, description="Whether calls of production are graded as well."
    )
    blocking: Literal["promotion", "never"] = Field(
        default="promotion",
        description="Whether a version needs to pass it before it is promoted on the "
        "endpoint, or it only informs.",
    )

    watch: Watch | None = Field(
        default=None,
        description="Whether to ask a few cases again and again of the version in "
        "service, and raise an alert when its answers change unannounced.",
    )

    @model_validator(mode="after")
    def _is_told_apart(self) -> "Evaluation":
        names = [use.name for use in self.graders]
        if len(set(names)) != len(names):
            raise ValueError("two graders have the same name")
        if self.blocking == "promotion" and not any(u.gate for u in self.graders):
            raise ValueError("no grader has a gate: write one, or blocking: never")
        if unknown := set(self.online.graders if self.online else ()) - set(names):
            raise ValueError(f"online: no grader is named {min(unknown)!r}")
        return self
