"""The settings of a provider of type `openai`."""

from typing import Literal

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
