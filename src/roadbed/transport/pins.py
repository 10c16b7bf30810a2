"""The choice that every provider with names of its own offers: what makes a pin."""

from typing import Literal

from pydantic import Field

from roadbed.transport.config import HttpConfig


class PinnedConfig(HttpConfig):
    """The settings of a provider whose names say whether they are pins."""

    pinning: Literal["dated", "declared"] = Field(
        default="dated",
        description="What makes an upstream name a pin: a date or a version in it, or "
        "(`declared`) your word that this name is never given to another model.",
    )
