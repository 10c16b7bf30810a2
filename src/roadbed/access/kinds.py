"""What a team declares about access: service accounts and policies."""

from typing import ClassVar

from pydantic import Field

from roadbed.access.roles import Role
from roadbed.core.resource import Spec


class ServiceAccount(Spec):
    """Something that acts under a name of its own: an application, a job, a person.

    Its keys are made apart from it, are shown once, and expire.
    """

    kind: ClassVar[str] = "ServiceAccount"

    roles: list[Role] = Field(
        default_factory=list,
        description="What it may do. A policy may give or take more.",
    )
    tenant: str = Field(
        default="default",
        pattern=r"^[a-z][a-z0-9-]{0,62}$",
        description="The tenant it belongs to; it never reaches another one's data.",
    )


class Policy(Spec):
    """Rules in Cedar, beside the built-in roles: they may permit or forbid.

    What is forbidden stays forbidden whatever else permits it, and the built-in
    guard between tenants cannot be lifted.
    """

    kind: ClassVar[str] = "Policy"

    cedar: str = Field(
        min_length=1,
        description="Cedar text: one or more policies. An `@id` names a policy in "
        "every decision it takes part in.",
    )
