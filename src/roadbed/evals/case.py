"""One case of a golden set: what is asked, and what is known of the right answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from roadbed.core.digest import digest_of


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case. `id` is unique within its golden set.

    `input` is plain JSON: a text, a list of chat messages, or an object with the
    feature values of one row. `expected` is plain JSON, None if nobody knows. Cases
    with the same `cluster` share a source, so they are not independent; an empty one
    stands alone. `weight` is at least 0. `provenance` says where the case came from.
    """

    id: str
    input: Any
    expected: Any = None
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    cluster: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The id of the call that the case was made of, empty if it was of none."""
        said = self.provenance.get("call")
        return said if isinstance(said, str) else ""

    @cached_property
    def digest(self) -> str:
        """What the answer and its grades depend on: the input and what is expected."""
        return digest_of({"input": self.input, "expected": self.expected})
