"""A dataset version: immutable, numbered once, named by the digest of its manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roadbed.audit.entry import Entry
from roadbed.core.clock import to_text
from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Corrupt
from roadbed.data import card
from roadbed.data.manifest import Manifest, Object, read_manifest
from roadbed.ports.tables import Column


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatasetVersion:
    """One immutable version of a dataset, named by the digest of its manifest."""

    name: str
    number: int
    manifest: Manifest
    created_us: int
    actor: str

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
    }


def from_row(row: Mapping[Any, Any]) -> DatasetVersion:
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
    )


def entry_of(version: DatasetVersion) -> Entry:
    """Return the audit entry of the making of *version*."""
    return Entry(
        actor=version.actor,
        action="dataset.write",
        resource=f"Dataset/{version.name}",
        detail={
            "version": version.number,
            "digest": version.digest,
            "rows": version.rows,
        },
    )
