"""The terms on which an endpoint answers: what it promises, and what it does in need.

They are read from the stack once and never change; a call only looks at them.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME, parse

Milliseconds = Annotated[int, Field(ge=1, le=3_600_000)]
Priority = Literal["low", "normal", "high", "critical"]
"""Who waits first when there is too much to do: `low` does."""


def _is_pinned(text: str) -> str:
    try:
        return str(parse(text))
    except Invalid as error:
        raise ValueError(f"{error.message}; {error.hint}") from None


PinnedVersion = Annotated[
    str,
    AfterValidator(_is_pinned),
    Field(json_schema_extra={"pattern": rf"^{NAME}@[1-9][0-9]{{0,8}}$"}),
]
"""The text of one immutable model version, such as `support-bot@7`."""


class Block(BaseModel):
    """A part of a spec: nothing unknown in it, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Deadlines(Block):
    """How long the stages of one attempt may take; unset, the provider's own count."""

    connect_ms: Milliseconds | None = Field(
        default=None, description="Until the connection stands."
    )
    first_token_ms: Milliseconds | None = Field(
        default=None, description="Until the answer begins."
    )
    idle_ms: Milliseconds | None = Field(
        default=None, description="Between two pieces of an answer."
    )


class Retries(Block):
    """How often an answer is tried for: at one upstream, and at the next ones."""

    attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="The most attempts that one call may cost, fallbacks included.",
    )
    budget_percent: int = Field(
        default=10,
        ge=0,
        le=100,
        description="The most retries that all calls together may add, in percent.",
    )
    backoff_ms: Milliseconds = Field(
        default=200,
        description="The first wait before a retry; the waits double, with jitter.",
    )


class Hedge(Block):
    """Ask a second upstream too when the first is slow, and take the first answer."""

    after_ms: Milliseconds = Field(
        description="How long the first may take to begin. Both are paid for."
    )


class Cache(Block):
    """Answer what was asked before with what was answered before."""

    ttl_s: int = Field(ge=1, le=2_592_000, description="How long an answer is fresh.")
    stale_s: int = Field(
        default=0,
        ge=0,
        le=2_592_000,
        description="How much longer it may stand in when no upstream answers.",
    )
    tools: bool = Field(
        default=False, description="Whether answers that call tools are kept as well."
    )
    shared: bool = Field(
        default=True,
        description="Whether callers of the tenant share answers; otherwise each "
        "caller has those of their own calls only.",
    )


class Degrade(Block):
    """What is answered when no upstream does: exactly one of these."""

    stale: bool = Field(
        default=False, description="What was answered before, however old it may be."
    )
    model: PinnedVersion | None = Field(
        default=None, description="A smaller model, or one that runs here."
    )
    message: str = Field(default="", description="This text, word for word.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "Degrade":
        if sum((self.stale, self.model is not None, bool(self.message))) != 1:
            raise ValueError("write exactly one of stale, model and message")
        return self


class Latency(Block):
    """What an endpoint promises of its latency, in milliseconds."""

    p50_ms: Milliseconds | None = Field(default=None, description="Half of all calls.")
    p95_ms: Milliseconds | None = Field(default=None, description="19 of 20 calls.")
    p99_ms: Milliseconds | None = Field(default=None, description="99 of 100 calls.")
    first_token_p95_ms: Milliseconds | None = Field(
        default=None, description="The beginning of 19 of 20 answers."
    )
    calls_per_second: float = Field(
        default=2.0,
        gt=0,
        le=10_000,
        description="The load at which all this is promised.",
    )


class Terms(BaseModel):
    """How calls to an endpoint are answered, and for how long it is tried."""

    deadline_ms: Milliseconds = Field(
        default=60_000,
        description="How long one call may take in all, in milliseconds.",
    )
    deadlines: Deadlines = Field(
        default_factory=Deadlines, description="How long the stages may take."
    )
    latency: Latency | None = Field(
        default=None, description="The latency that it promises."
    )
    fallback: list[PinnedVersion] = Field(
        default_factory=list,
        description="The versions to ask, one after another, when the one that it "
        "serves does not answer.",
    )
    retries: Retries = Field(
        default_factory=Retries, description="How often an answer is tried for."
    )
    hedge: Hedge | None = Field(
        default=None, description="Whether to ask a second upstream when one is slow."
    )
    cache: Cache | None = Field(
        default=None, description="Whether and how long answers are kept for others."
    )
    degrade: list[Degrade] = Field(
        default_factory=list,
        description="What to do, in this order, when nothing upstream answers. "
        "Empty: refuse.",
    )
    priority: Priority = Field(
        default="normal", description="Who waits when there is too much to do."
    )
    heartbeat_s: float = Field(
        default=15.0,
        ge=0,
        le=300,
        description="How often a stream with nothing to say shows that it is alive. "
        "0: never.",
    )
    unsaid: Literal["tell", "refuse"] = Field(
        default="tell",
        description="What becomes of a call whose fields cannot all be said in the "
        "dialect of the model: it is answered, and told what was left out, or refused.",
    )

    def pins(self) -> list[str]:
        """Return the versions that may answer besides the one that is served."""
        smaller = [d.model for d in self.degrade if d.model is not None]
        return [*self.fallback, *smaller]


def terms_in(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of *spec* that are terms."""
    return {name: spec[name] for name in Terms.model_fields if name in spec}
