"""The settings of a provider of type `bedrock`."""

from typing import Any, Self

from pydantic import Field, model_validator

from roadbed.core.secret import SecretRef
from roadbed.transport.pins import PinnedConfig


class Config(PinnedConfig):
    """The `config` block of a Provider resource of type `bedrock`.

    Either a key pair signs every request, or `api_key` (a Bedrock key) is sent.
    """

    region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d{1,2}$",
        description="The region of AWS whose Bedrock is asked, such as eu-central-1.",
    )
    base_url: str = Field(
        default="",
        description="Where the runtime is. Empty: AWS's own address in the region.",
    )
    access_key_id: SecretRef | None = Field(
        default=None, description="The id of the key that signs, as a reference."
    )
    secret_access_key: SecretRef | None = Field(
        default=None, description="The key that signs, as a reference."
    )
    session_token: SecretRef | None = Field(
        default=None, description="The token of a passing key, as a reference."
    )

    @model_validator(mode="before")
    @classmethod
    def _has_address(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("base_url"):
            region = values.get("region")
            at = f"https://bedrock-runtime.{region}.amazonaws.com"
            return {**values, "base_url": at}
        return values

    @model_validator(mode="after")
    def _has_one_kind_of_key(self) -> Self:
        pair = (self.access_key_id, self.secret_access_key)
        if any(pair) != all(pair):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.session_token and not all(pair):
            raise ValueError("session_token goes with a pair of keys")
        if any(pair) and self.api_key:
            raise ValueError("give a pair of keys that signs, or an api_key, not both")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """Return where the secrets are: an `api_key`, or what signs, in this order."""
        signing = (self.access_key_id, self.secret_access_key, self.session_token)
        return super().references or tuple(at for at in signing if at is not None)
