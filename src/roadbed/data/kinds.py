"""Datasets as a team declares them: what the data is, and what it may be used for."""

from typing import ClassVar, Literal

from pydantic import Field

from roadbed.core.resource import Spec

Classification = Literal["public", "internal", "confidential", "restricted"]


class Dataset(Spec):
    """A named body of data. Its versions are made by snapshots and never change."""

    kind: ClassVar[str] = "Dataset"

    owner: str = Field(
        min_length=1, description="The team or person who answers for the data."
    )
    licence: str = Field(
        min_length=1,
        description="The terms under which the data may be used, as an SPDX "
        "identifier where there is one.",
    )
    classification: Classification = Field(
        description="How far the data may travel: public, internal, confidential "
        "or restricted."
    )
    purposes: list[str] = Field(
        min_length=1, description="What the data may be used for, one word each."
    )
    source: str = Field(
        min_length=1, description="Where the data comes from, for people to follow."
    )
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="The region that the data may not leave, if there is one.",
    )
