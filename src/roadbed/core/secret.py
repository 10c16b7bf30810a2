"""Secrets by reference: values are resolved late and never shown."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_REF = re.compile(r"secret://[a-z][a-z0-9-]*/\S+")


class Secret:
    """A value that every representation masks; `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself. Call it where it is used, and nowhere else."""
        return self._value

    @property
    def parts(self) -> "tuple[Secret, ...]":
        """Return the secrets that this one is made of: itself, if it is no bundle."""
        return (self,)

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


class Bundle(Secret):
    """Secrets that only work together, such as the two halves of a key."""

    __slots__ = ("_parts",)

    def __init__(self, *parts: Secret) -> None:
        super().__init__("\n".join(part.reveal() for part in parts))
        self._parts = parts

    @property
    def parts(self) -> tuple[Secret, ...]:
        """Return the secrets, in the order of their references."""
        return self._parts


def _is_reference(text: str) -> str:
    if not _REF.fullmatch(text):
        raise ValueError(
            "a literal secret is refused; write a reference such as "
            "secret://env/OPENAI_API_KEY or secret://file/openai-key"
        )
    return text


SecretRef = Annotated[
    str,
    AfterValidator(_is_reference),
    Field(
        description="Where the secret is: secret://env/NAME or secret://file/NAME.",
        json_schema_extra={"pattern": _REF.pattern},
    ),
]
"""A field that holds the reference of a secret, never the secret."""
