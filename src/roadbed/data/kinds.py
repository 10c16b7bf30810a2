"""Datasets as a team declares them: what the data is, and what it may be used for."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from roadbed.core.resource import Spec
from roadbed.core.secret import SecretRef
from roadbed.data.checks import Check

Classification = Literal["public", "internal", "confidential", "restricted"]


class Dataset(Spec):
    """A named body of data. Its versions are made by snapshots and never change."""

    kind: ClassVar[str] = "Dataset"
    quiet: ClassVar[frozenset[str]] = frozenset({"key", "checks", "database", "query"})

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
    key: list[str] = Field(
        default_factory=list,
        description="The columns that tell one row from another: versions are "
        "compared by them.",
    )
    checks: list[Check] = Field(
        default_factory=list,
        description="What must hold of the rows before a version exists.",
    )
    database: SecretRef | None = Field(
        default=None,
        description="The address of the database that `query` is asked of, as a "
        "reference: sqlite:///path or postgresql://user:password@host/name.",
    )
    query: str | None = Field(
        default=None,
        min_length=1,
        description="The SELECT that a version is made of, if no other source is "
        "named.",
    )

    @model_validator(mode="after")
    def _query_has_a_database(self) -> Self:
        if self.query and not self.database:
            raise ValueError("a query needs `database`: a reference of its address")
        return self
