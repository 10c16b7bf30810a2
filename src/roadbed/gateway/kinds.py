"""What a team declares about serving: where models run, and what callers call."""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec
from roadbed.gateway.release import Release
from roadbed.inference.terms import PinnedVersion, Terms

Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""The name of a region, such as eu-west."""


class Upstream(BaseModel):
    """One of several places of a provider that give the same models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=rf"^{NAME}$", description="What the log calls it.")
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="What differs from the provider's own config, such as base_url.",
    )
    weight: int = Field(
        default=1,
        ge=0,
        le=1000,
        description="Its share of the calls, beside the others. 0: only in need.",
    )
    region: Region | None = Field(
        default=None, description="Where it processes; the provider's if unset."
    )


class Provider(Spec):
    """Where models run: an LLM API, an inference server, or this process.

    One of the tenant `default` is for the models of all tenants; any other only for
    those of its own.
    """

    kind: ClassVar[str] = "Provider"
    quiet: ClassVar[frozenset[str]] = frozenset(
        {"upstreams", "balance", "on_disconnect"}
    )

    type: str = Field(
        pattern=rf"^{NAME}$",
        description="Which implementation it is, such as openai, onnx or extractive.",
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="The settings of that implementation. Secrets are references.",
    )
    region: Region | None = Field(
        default=None,
        description="Where it processes what it is sent. Unknown: it serves no "
        "endpoint and no caller that names the regions allowed.",
    )
    upstreams: list[Upstream] = Field(
        default_factory=list,
        description="The places among which calls are balanced. Empty: the one that "
        "`config` names.",
    )
    balance: Literal["weighted", "least-loaded", "latency"] = Field(
        default="weighted",
        description="Who gets a call: by weight; the less loaded of two drawn by "
        "weight; or of these the one that answered faster lately.",
    )
    on_disconnect: Literal["cancel", "drain"] = Field(
        default="cancel",
        description="What happens upstream when a caller leaves: the answer is "
        "cancelled, or read to its end, where a provider bills it in full anyway.",
    )

    @model_validator(mode="after")
    def _is_told_apart(self) -> "Provider":
        names = [upstream.name for upstream in self.upstreams]
        if len(set(names)) != len(names):
            raise ValueError("two upstreams have the same name")
        return self


class Endpoint(Terms, Spec):
    """What callers call. It serves one pinned model version under its own terms."""

    kind: ClassVar[str] = "Endpoint"
    quiet: ClassVar[frozenset[str]] = frozenset(Terms.model_fields) - {
        "deadline_ms"
    } | {"rollout"}

    model: PinnedVersion = Field(
        description="The version it serves, such as handbook@1. Pinning another one "
        "begins a rollout."
    )
    stage: Literal["production", "development"] = Field(
        default="production",
        description="A production endpoint serves only what is pinned all the way.",
    )
    ack: Literal["durable", "spool"] = Field(
        default="durable",
        description="When a caller is told that the answer is complete: once its "
        "record is on disk (durable), or once it is written to the spool (spool).",
    )
    keep_payloads: bool = Field(
        default=True,
        description="Whether questions and answers are kept, beside the call log.",
    )
    residency: list[Region] = Field(
        default_factory=list,
        description="The only regions in which calls may be processed. Empty: any.",
    )
    purpose: str = Field(
        default="",
        description="What it is used for; compared with the purposes of its model.",
    )
    owner: str = Field(
        default="", description="The team or person who answers for the endpoint."
    )
    rollout: Release | None = Field(
        default=None,
        description="How a newly pinned version takes over. Unset: at once.",
    )


def _is_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("write a day such as 2026-04-01") from None


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_is_day)]
"""A day of the calendar: "2026-04-01"."""
Dollars = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?$")]
"""An amount in US dollars, as a decimal number in quotes: "0.15"."""


class Price(BaseModel):
    """What one model costs at one provider, from a day on, in US dollars.

    Tokens are priced by the million. What has no price of its own is an ordinary
    input token; of what is never counted, leave the price out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(
        pattern=rf"^{NAME}$", description="The provider, as the stack names it."
    )
    upstream: str = Field(
        pattern=r"^[^*\s]{0,200}\*?$",
        min_length=1,
        description="The model as its provider calls it, or its beginning and a star. "
        "A trained model goes by its name here.",
    )
    since: Day = Field(
        default="1970-01-01", description="The first day, UTC, that it counts for."
    )
    input: Dollars = Field(default="0", description="A million input tokens.")
    output: Dollars = Field(default="0", description="A million output tokens.")
    cached: Dollars | None = Field(
        default=None, description="A million input tokens from the provider's cache."
    )
    cache_write: Dollars | None = Field(
        default=None, description="A million input tokens that are put there."
    )
    cache_write_1h: Dollars | None = Field(
        default=None, description="The same, where they stay for an hour."
    )
    per_call: Dollars = Field(default="0", description="One call, however long.")
    per_second: Dollars = Field(default="0", description="One second of a call.")


class PriceList(Spec):
    """Prices that count before the published ones: of a contract, or of own models.

    Those of the tenant `default` are for the models of all tenants, any other for
    those of its own, and before the ones of `default`. Of several entries for one
    model the one with the longer name of the upstream counts, and of these the one
    with the latest day.
    """

    kind: ClassVar[str] = "PriceList"

    prices: list[Price] = Field(min_length=1, description="The prices, in any order.")


class Scope(BaseModel):
    """Which calls count. All that is written must be so of a call; nothing: any call.

    Only calls of the tenant count that the resource belongs to, unless it belongs to
    `default` and names another one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9-]{0,62}$",
        description="The tenant of whoever calls.",
    )
    team: str | None = Field(
        default=None, min_length=1, description="The value of the label `team`."
    )
    endpoint: str | None = Field(
        default=None, pattern=rf"^{NAME}$", description="The endpoint that is called."
    )
    service_account: str | None = Field(
        default=None, pattern=rf"^{NAME}$", description="The account that calls."
    )
    principal: str | None = Field(
        default=None,
        pattern=rf"^((service-account|agent):{NAME}|user:{NAME}/\S+)$",
        description="Who calls, of whatever kind: user:PROVIDER/SUBJECT, for example.",
    )
    agent: str | None = Field(
        default=None,
        pattern=rf"^{NAME}$",
        description="The agent that calls, also where it acts for somebody.",
    )
    run: bool = Field(
        default=False,
        description="Whether each run of an agent is counted for itself. Calls that "
        "name no run do not count then.",
    )
    label: dict[str, str] = Field(
        default_factory=dict,
        description="Labels and their values. What the stack says of the caller wins "
        "over what the caller says of the call.",
    )


class Budget(Spec):
    """How much the calls within a scope may cost, and what happens then.

    Before a call is sent, the most that it may cost is held back; what it did cost is
    settled after. A budget that has not enough left for a call refuses it.
    """

    kind: ClassVar[str] = "Budget"

    amount: Dollars = Field(description='US dollars: "250.00".')
    period: Literal["hour", "day", "month", "total"] = Field(
        default="month",
        description="How long it lasts, by the calendar, UTC. total: for good.",
    )
    scope: Scope = Field(default_factory=Scope, description="Which calls count.")
    on_exhausted: Literal["refuse", "alert"] = Field(
        default="refuse", description="Whether calls beyond it are refused."
    )
    alerts: list[Annotated[int, Field(ge=1, le=100)]] = Field(
        default=[50, 80, 100],
        max_length=10,
        description="At how many percent of it somebody is told.",
    )


Many = Annotated[int, Field(ge=1, le=1_000_000_000)]


class RateLimit(Spec):
    """How many calls and tokens a scope may have in a minute, and how many at once.

    A caller who is refused is told when to come back.
    """

    kind: ClassVar[str] = "RateLimit"

    scope: Scope = Field(default_factory=Scope, description="Which calls count.")
    requests_per_minute: Many | None = Field(default=None, description="Calls.")
    input_tokens_per_minute: Many | None = Field(
        default=None, description="Input tokens."
    )
    output_tokens_per_minute: Many | None = Field(
        default=None, description="Output tokens."
    )
    concurrency: Many | None = Field(
        default=None, description="Calls that are under way at the same time."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> "RateLimit":
        names = set(type(self).model_fields) - {"scope"}
        if all(getattr(self, name) is None for name in names):
            raise ValueError(f"write at least one of {', '.join(sorted(names))}")
        return self
