"""What a team declares about serving: where models run, and what callers call."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME, parse
from roadbed.core.resource import Spec


def _is_pinned(text: str) -> str:
    try:
        return str(parse(text))
    except Invalid as error:
        raise ValueError(f"{error.message}; {error.hint}") from None


Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""The name of a region, such as eu-west."""
PinnedVersion = Annotated[
    str,
    AfterValidator(_is_pinned),
    Field(json_schema_extra={"pattern": rf"^{NAME}@[1-9][0-9]{{0,8}}$"}),
]
"""The text of one immutable model version, such as `support-bot@7`."""


class Provider(Spec):
    """Where models run: an LLM API, an inference server, or this process.

    One of the tenant `default` is for the models of all tenants; any other only for
    those of its own.
    """

    kind: ClassVar[str] = "Provider"

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


class Endpoint(Spec):
    """What callers call. It serves one pinned model version under its own terms."""

    kind: ClassVar[str] = "Endpoint"

    model: PinnedVersion = Field(
        description="The version it serves, such as handbook@1. To roll back, pin "
        "the version before."
    )
    stage: Literal["production", "development"] = Field(
        default="production",
        description="A production endpoint serves only what is pinned all the way.",
    )
    deadline_ms: int = Field(
        default=60_000,
        ge=1,
        le=3_600_000,
        description="How long one call may take in all, in milliseconds.",
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
