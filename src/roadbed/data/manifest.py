"""The manifest of a dataset version: which objects, in which order, hold its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roadbed.core.digest import digest_of
from roadbed.ports.tables import Column

FORMAT = "roadbed/dataset/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A Parquet file of some of the rows: its digest, its size, how many rows."""

    digest: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a dataset version is. Who made it, when and under which name is not in it.

    So equal content has one digest everywhere; the order of rows is content. Of a
    tree of files the rows are the paths, digests and sizes.
    """

    columns: tuple[Column, ...]
    objects: tuple[Object, ...]
    tree: bool = False

    @property
    def rows(self) -> int:
        """Return the number of rows in all objects."""
        return sum(item.rows for item in self.objects)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON: the name of the version."""
        return digest_of(self.content())

    def content(self) -> dict[str, Any]:
        """Return the manifest as plain JSON."""
        tree = {"content": "files"} if self.tree else {}
        return {
            "format": FORMAT,
            **tree,
            "rows": self.rows,
            "columns": [asdict(column) for column in self.columns],
            "objects": [asdict(item) for item in self.objects],
        }


def read_manifest(content: Mapping[str, Any]) -> Manifest:
    """Return the manifest that `content()` wrote."""
    return Manifest(
        columns=_each(Column, content["columns"]),
        objects=_each(Object, content["objects"]),
        tree=content.get("content") == "files",
    )


def _each(made: type[Any], items: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(made(**item) for item in items)
