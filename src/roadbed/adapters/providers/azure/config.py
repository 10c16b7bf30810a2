"""The settings of a provider of type `azure`."""

from typing import Literal

from pydantic import Field

from roadbed.transport.pins import PinnedConfig


class Config(PinnedConfig):
    """The `config` block of a Provider resource of type `azure`."""

    base_url: str = Field(
        description="The resource's address, as in https://NAME.openai.azure.com.",
    )
    api: Literal["deployments", "v1"] = Field(
        default="deployments",
        description="Which addresses are used: a deployment's own with a dated "
        "`api_version`, or the newer `/openai/v1/`.",
    )
    api_version: str = Field(
        default="2024-10-21",
        pattern=r"^(20\d\d-[01]\d-[0-3]\d(-preview)?|preview|latest)$",
        description="The version of a deployment's API; the newer form takes none.",
    )
    auth: Literal["api-key", "bearer"] = Field(
        default="api-key",
        description="How the key is shown: in the header `api-key`, or as a token of "
        "Entra ID that something else keeps fresh.",
    )
