"""What Roadbed asks of whoever keeps code: a commit again, and what two differ in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Code as it was: a commit, the bundle that holds it, and what was changed since.

    `patch` turns the commit into the tracked files; `files` are others, by their path.
    """

    commit: str
    bundle: Path
    patch: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


class Code(Protocol):
    """Reads code out of bundles; nothing in them is run."""

    def checkout(self, tree: Tree, folder: Path) -> None:
        """Write *tree* into *folder*, which is empty; raise Corrupt if it cannot be."""
        ...

    def diff(self, left: Tree, right: Tree) -> str:
        """Return what turns *left* into *right* as unified text; raise Corrupt."""
        ...
