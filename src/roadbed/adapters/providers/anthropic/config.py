"""The settings of a provider of type `anthropic`."""

from typing import Annotated

from pydantic import Field

from roadbed.transport.config import HttpConfig

Beta = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$")]


class Config(HttpConfig):
    """The `config` block of a Provider resource of type `anthropic`."""

    base_url: str = Field(
        default="https://api.anthropic.com",
        description="Where the API is, without its version: `/v1/messages` follows.",
    )
    version: str = Field(
        default="2023-06-01",
        pattern=r"^\d{4}-\d\d-\d\d$",
        description="What is sent as `anthropic-version`, whatever the caller sent.",
    )
    betas: list[Beta] = Field(
        default_factory=list,
        description="The names in the header `anthropic-beta` that callers may use; "
        "others are not sent on.",
    )
    max_tokens: int = Field(
        default=4096,
        ge=1,
        description="The most tokens of an answer, where the caller speaks another "
        "dialect and did not say. Anthropic wants to be told.",
    )
