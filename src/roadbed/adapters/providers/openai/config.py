"""The settings of a provider of type `openai`."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from roadbed.transport.config import HttpConfig


class Config(HttpConfig):
    """The `config` block of a Provider resource of type `openai`."""

    base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Where the API is, up to and including its version.",
    )
    pinning: Literal["dated", "declared"] = Field(
        default="dated",
        description="What makes an upstream name a pin: a date in it, or (`declared`) "
        "your word that this server never gives a name to another model.",
    )
    responses: bool | None = Field(
        default=None,
        description="Whether this server also speaks OpenAI's Responses API: callers "
        "of that API then have their requests forwarded, and are translated "
        "otherwise. Unset: only api.openai.com does.",
    )

    @property
    def speaks_responses(self) -> bool:
        """Return whether callers of the Responses API are forwarded to it."""
        if self.responses is None:
            return urlsplit(self.base_url).hostname == "api.openai.com"
        return self.responses
