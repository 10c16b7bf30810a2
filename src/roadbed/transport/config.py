"""The settings that every provider reached over HTTP has."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from roadbed.core.secret import SecretRef


class HttpConfig(BaseModel):
    """The part of a provider's `config` block that says how it is reached."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(description="Where the API is.")
    api_key: SecretRef | None = Field(
        default=None, description="The key to send, as a reference. None: send none."
    )
    private: bool = Field(
        default=False,
        description="Whether the address may be inside a private network, or this "
        "machine. Otherwise only addresses of the public internet are connected to.",
    )
    connect_timeout_ms: int = Field(
        default=5_000, gt=0, description="Longest wait for a connection."
    )
    first_byte_timeout_ms: int = Field(
        default=120_000, gt=0, description="Longest wait for the answer to begin."
    )
    idle_timeout_ms: int = Field(
        default=60_000, gt=0, description="Longest silence inside an answer."
    )
    max_answer_bytes: int = Field(
        default=32 * 1024 * 1024, gt=0, description="Largest answer that is accepted."
    )

    client: Literal["own", "aiohttp"] = Field(
        default="own",
        description="What speaks HTTP: our own client, or (`aiohttp`) another that "
        "costs more and knows more compressions, for a server that needs it.",
    )

    @property
    def references(self) -> tuple[str, ...]:
        """Return where the secrets are that are shown to the provider, or none."""
        return () if self.api_key is None else (self.api_key,)

    @field_validator("base_url")
    @classmethod
    def _is_plain(cls, text: str) -> str:
        parts = urlsplit(text)
        listed = parts.scheme in ("http", "https") and parts.port != 0
        if not listed or not parts.hostname:
            raise ValueError("write an address such as https://api.openai.com/v1")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("no credential, query or fragment belongs in base_url")
        return text.rstrip("/")

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        parts = urlsplit(self.base_url)
        if not self.private and parts.scheme != "https":
            raise ValueError(
                "write https://, or `private: true` if the server is inside a private "
                "network or on this machine"
            )
        return self
