"""The settings of a provider of type `gemini`."""

from typing import Literal

from pydantic import Field

from roadbed.transport.pins import PinnedConfig


class Config(PinnedConfig):
    """The `config` block of a Provider resource of type `gemini`."""

    base_url: str = Field(
        default="https://generativelanguage.googleapis.com",
        description="Where the API is, without its version.",
    )
    api_version: Literal["v1beta", "v1"] = Field(
        default="v1beta",
        description="Which version of the API is spoken to; tools and structured "
        "output came to v1 late.",
    )
