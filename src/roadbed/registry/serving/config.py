"""What a provider that computes in this process may be told."""

from pydantic import BaseModel, ConfigDict, Field


class LocalConfig(BaseModel):
    """Settings of the local runtime for trained models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Threads that compute large batches, beside the event loop.",
    )
    check_memory: bool = Field(
        default=True,
        description="Refuse a version that needs more memory than is free.",
    )
    max_rows: int = Field(
        default=100_000, ge=1, description="Most rows that one request may have."
    )
