"""A stack: everything a folder declares, each resource with its place in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from roadbed.control.document import Document
from roadbed.control.document import Path as Place
from roadbed.control.trees import Tree
from roadbed.core.errors import Problem
from roadbed.core.resource import Resource

Key = tuple[str, str]
"""What a resource is known by: its kind and its name."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One declared resource, where it stands, and the folders it is pinned to."""

    resource: Resource
    document: Document
    trees: Mapping[Place, Tree] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Return its kind and its name."""
        return self.resource.key

    @property
    def file(self) -> str:
        """Return the file it stands in, as seen from the stack's folder."""
        return self.document.file

    @property
    def line(self) -> int:
        """Return the line it begins on, counted from 1."""
        return self.document.line(())

    @cached_property
    def content(self) -> dict[str, Any]:
        """Return what was declared as plain JSON, folders replaced by their pins."""
        content: dict[str, Any] = self.resource.content()
        for place, tree in self.trees.items():
            owner = content
            for part in place[:-1]:
                owner = owner[part]  # pyright: ignore[reportArgumentType]
            owner[place[-1]] = tree.pin()  # pyright: ignore[reportArgumentType]
        return content

    def problem(self, place: Place, message: str, hint: str = "") -> Problem:
        """Return a problem with the part of this resource at *place*."""
        return self.document.problem(place, message, hint)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All resources of a folder, in the order of kind and name.

    `broken` are the ones that are declared but could not be read: they are known
    to exist, so that whoever refers to them is not blamed as well.
    """

    folder: Path
    resources: tuple[Loaded, ...]
    broken: frozenset[Key] = frozenset()

    @cached_property
    def by_key(self) -> Mapping[Key, Loaded]:
        """Return the resources by kind and name."""
        return {loaded.key: loaded for loaded in self.resources}

    def of(self, kind: str) -> list[Loaded]:
        """Return the resources of one *kind*, in the order of their names."""
        return [r for r in self.resources if r.resource.kind == kind]

    def declares(self, kind: str, name: str) -> bool:
        """Say whether the resource is declared, readable or not."""
        return (kind, name) in self.by_key or (kind, name) in self.broken

    def names(self, kind: str) -> list[str]:
        """Return the names of all declared resources of *kind*."""
        known = [*self.by_key, *self.broken]
        return sorted(name for k, name in known if k == kind)
