"""What a team declares about access: policies."""

from typing import ClassVar

from pydantic import Field

from roadbed.core.resource import Spec


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
