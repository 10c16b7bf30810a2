"""What a team declares about serving: where models run, and what callers call."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec
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
    quiet: ClassVar[frozenset[str]] = frozenset(Terms.model_fields) - {"deadline_ms"}

    model: PinnedVersion = Field(
        description="The version it serves, such as handbook@1. To roll back, pin "
        "the version before."
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
