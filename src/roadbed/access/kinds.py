"""What a team declares about access: policies, and roles of its own."""

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


class Role(Spec):
    """A role of the team's own, beside the built-in ones. It permits, and no more.

    The guards hold for whoever has it, as for everybody.
    """

    kind: ClassVar[str] = "Role"

    description: str = Field(
        min_length=1, description="What the role is for, in one sentence."
    )
    actions: list[str] = Field(
        min_length=1,
        description="What it may do, such as endpoint.infer and version.infer.",
    )
