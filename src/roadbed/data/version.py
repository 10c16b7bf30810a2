"""A dataset version: immutable, numbered once, named by the digest of its manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from roadbed.audit.entry import Entry
from roadbed.core.clock import to_text
from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Corrupt, NotReady
from roadbed.data import card
from roadbed.data.manifest import Manifest, Object, read_manifest
from roadbed.ports.tables import Column

ORIGIN = ("key", "source", "parents", "run_id", "report", "stored")
"""What a row says of where a version came from."""


class Shelf(Protocol):
    """Where the objects of versions are."""

    def paths(self, version: "DatasetVersion") -> list[Path]:
        """Return the Parquet files of *version*, every byte checked just now."""
        ...

    def export(self, version: "DatasetVersion", folder: Path) -> list[Path]:
        """Write the files of *version* into *folder*, every byte checked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatasetVersion:
    """One immutable version of a dataset, named by the digest of its manifest.

    `key`, `source`, `parents`, `run_id` and `report` say where it came from and are
    no part of what it is; `stored` says of a tree where its files are.
    """

    name: str
    number: int
    manifest: Manifest
    created_us: int
    actor: str
    key: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    run_id: str = ""
    report: str = ""
    stored: Mapping[str, Any] = field(default_factory=dict)
    shelf: Shelf | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    def __repr__(self) -> str:
        return card.line(str(self), self._facts())

    def _repr_html_(self) -> str:
        columns = ", ".join(f"{c.name} {c.datatype}" for c in self.schema)
        made = {"made": to_text(self.created_us), "by": self.actor}
        return card.table(str(self), {**self._facts(), "schema": columns, **made})

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the manifest's canonical JSON."""
        return self.manifest.digest

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.manifest.rows

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return len(self.manifest.columns)

    @property
    def schema(self) -> tuple[Column, ...]:
        """Return the columns: names and SQL types, in order."""
        return self.manifest.columns

    @property
    def objects(self) -> tuple[Object, ...]:
        """Return the Parquet files that hold the rows, in order."""
        return self.manifest.objects

    @property
    def tree(self) -> bool:
        """Say whether this is a tree of files; its rows are their names and digests."""
        return self.manifest.tree

    @property
    def origin(self) -> str:
        """Return the digest of where it came from, empty if nothing is recorded."""
        return origin_of(_origin(self))

    def paths(self) -> list[Path]:
        """Return the Parquet files that hold the rows, every byte checked just now.

        Any reader opens them; nobody may write to them. Raises Corrupt or NotFound.
        """
        return self._shelf().paths(self)

    def export(self, folder: str | Path) -> list[Path]:
        """Write the files of a tree, or the Parquet files of a table, into *folder*.

        Every byte is checked on the way. Raises Invalid unless *folder* is empty.
        """
        return self._shelf().export(self, Path(folder))

    def _shelf(self) -> Shelf:
        if self.shelf is None:
            raise NotReady(
                f"{self} was not opened through a workbench",
                hint="ask `bed.dataset(name).version(number)` for it",
            )
        return self.shelf

    def _facts(self) -> dict[str, object]:
        return {
            "rows": f"{self.rows:,}",
            "columns": self.columns,
            "sha256": short(self.digest),
        }


def to_row(version: DatasetVersion) -> dict[str, Any]:
    """Return *version* as the row that is stored."""
    return {
        "name": version.name,
        "number": version.number,
        "digest": version.digest,
        "manifest": version.manifest.content(),
        "created_us": version.created_us,
        "actor": version.actor,
        **{name: value or None for name, value in _origin(version).items()},
    }


def origin_of(said: Mapping[str, Any]) -> str:
    """Return the digest of what a row says of where it came from, empty if nothing."""
    told = {name: said[name] for name in ORIGIN if said.get(name)}
    return digest_of(told) if told else ""


def _origin(version: DatasetVersion) -> dict[str, Any]:
    return {
        "key": list(version.key),
        "source": dict(version.source),
        "parents": list(version.parents),
        "run_id": version.run_id,
        "report": version.report,
        "stored": dict(version.stored),
    }


def from_row(row: Mapping[Any, Any], shelf: Shelf | None = None) -> DatasetVersion:
    """Return the version in *row*; raise Corrupt if its manifest was edited."""
    if digest_of(row["manifest"]) != row["digest"]:
        raise Corrupt(
            f"the stored manifest of {row['name']}@{row['number']} was edited",
            hint="restore the database from a backup, then run `roadbed audit verify`",
        )
    return DatasetVersion(
        name=row["name"],
        number=row["number"],
        manifest=read_manifest(row["manifest"]),
        created_us=row["created_us"],
        actor=row["actor"],
        key=tuple(row["key"] or ()),
        source=row["source"] or {},
        parents=tuple(row["parents"] or ()),
        run_id=row["run_id"] or "",
        report=row["report"] or "",
        stored=row["stored"] or {},
        shelf=shelf,
    )


def entry_of(version: DatasetVersion) -> Entry:
    """Return the audit entry of the making of *version*."""
    detail: dict[str, Any] = {
        "version": version.number,
        "digest": version.digest,
        "rows": version.rows,
    }
    for name in ("origin", "report"):
        if value := getattr(version, name):
            detail[name] = value
    return Entry(
        actor=version.actor,
        action="dataset.write",
        resource=f"Dataset/{version.name}",
        detail=detail,
    )
