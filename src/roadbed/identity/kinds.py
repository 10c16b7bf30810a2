"""What a team declares about identity: service accounts."""

from typing import Annotated, ClassVar

from pydantic import Field

from roadbed.core.reference import NAME
from roadbed.core.resource import Spec

RoleName = Annotated[
    str,
    Field(
        pattern=rf"^{NAME}$",
        description="A built-in role, or one that the stack declares.",
        examples=["viewer", "app"],
    ),
]
"""The name of a role; `roadbed plan` refuses one that is neither built in nor
declared."""
Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""The name of a region, such as eu-west."""


class ServiceAccount(Spec):
    """Something that acts under a name of its own: an application, a job.

    It proves itself by federation (a Federation names it), or, where `keys` allows
    them, with keys that are made apart from it, are shown once, and expire.
    """

    kind: ClassVar[str] = "ServiceAccount"

    roles: list[RoleName] = Field(
        default_factory=list,
        description="What it may do. A policy may give or take more.",
    )
    keys: bool = Field(
        default=False,
        description="Whether it may have keys: long-lived secrets, for where "
        "federation is out of reach. Taking this away ends the keys it has.",
    )
    residency: list[Region] = Field(
        default_factory=list,
        description="The only regions in which what it sends may be processed. "
        "Empty: wherever the endpoint allows.",
    )
