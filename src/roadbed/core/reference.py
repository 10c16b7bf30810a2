"""References to immutable versions: `credit-risk@2` is version 2 of credit-risk."""

import re
from dataclasses import dataclass

from roadbed.core.errors import Invalid

NAME = r"[a-z][a-z0-9-]{0,62}"
_VERSION = re.compile(rf"({NAME})@([1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True, order=True)
class VersionRef:
    """A name and its version number, counted from 1."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


def parse(text: str) -> VersionRef:
    """Read `name@number`; raise Invalid for anything else."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise Invalid(
            f"{text!r} is not a pinned version",
            hint="write the name, @ and a number, such as support-bot@7",
        )
    return VersionRef(match[1], int(match[2]))
