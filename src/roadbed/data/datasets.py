"""Makes dataset versions out of content, finds them, and checks every byte."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadbed.audit.log import append, hold
from roadbed.core.clock import Clock, to_us
from roadbed.core.digest import canonical, digest_stream
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.core.reference import NAME, VersionRef
from roadbed.data.manifest import Manifest, Object
from roadbed.data.tables import dataset_versions
from roadbed.data.version import DatasetVersion, entry_of, from_row, to_row
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.ports.tables import Tables, Written

_PIECE = 1024 * 1024


class Datasets:
    """Makes dataset versions, finds them, and checks that they are what they were."""

    def __init__(
        self, database: Database, blobs: Blobs, clock: Clock, tables: Tables
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._tables = tables

    def snapshot(self, name: str, source: Any, actor: str) -> DatasetVersion:
        """Return the version of *name* that holds the rows of *source*.

        A source is a pandas frame, a dict of columns, or the path of a CSV or
        Parquet file. The same rows in the same order are the same version; data
        that is already here takes no more room. Raises Invalid if the source is
        no clean table.
        """
        if not re.fullmatch(NAME, name):
            raise Invalid(
                f"{name!r} is no name of a dataset",
                hint="small letters, digits and hyphens, beginning with a letter",
            )
        with tempfile.TemporaryDirectory(prefix="roadbed-") as folder:
            written = self._tables.write(source, Path(folder))
            if (equal := self._equal(name, written)) is not None:
                return equal
            manifest = self._keep(written)
        with self._database.write() as connection:
            return self._number(connection, name, manifest, actor)

    def get(self, ref: VersionRef) -> DatasetVersion:
        """Return the version that *ref* names; raise NotFound, or Corrupt if edited."""
        chosen = _of(ref.name).where(dataset_versions.c.number == ref.number)
        with self._database.read() as connection:
            row = connection.execute(chosen).mappings().first()
        if row is None:
            raise NotFound(
                f"there is no dataset version {ref}", hint=self._known(ref.name)
            )
        return from_row(row)

    def newest(self, name: str) -> DatasetVersion:
        """Return the version of *name* with the highest number; raise NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_of(name).limit(1)).mappings().first()
        if row is None:
            raise NotFound(
                f"dataset {name!r} has no version yet",
                hint=f"make one: `bed.dataset({name!r}).snapshot(frame)`",
            )
        return from_row(row)

    def list(self, name: str) -> list[DatasetVersion]:
        """Return all versions of *name*, newest first."""
        with self._database.read() as connection:
            return [from_row(row) for row in connection.execute(_of(name)).mappings()]

    def verify(self, ref: VersionRef) -> DatasetVersion:
        """Hash the manifest and every object again and return the version.

        Raises Corrupt, naming each object that is missing or not what it was.
        """
        version = self.get(ref)
        wanted = [("the manifest", version.digest)]
        for at, item in enumerate(version.objects, 1):
            wanted.append((f"object {at} of {len(version.objects)}", item.digest))
        problems = [p for what, name in wanted if (p := self._problem(what, name))]
        if problems:
            raise Corrupt(
                f"{version} is not what was stored: " + "; ".join(problems),
                hint="restore the named files from a backup, or snapshot the same "
                "data again",
            )
        return version

    def frame(self, version: DatasetVersion) -> Any:
        """Return the rows as a pandas frame, every byte checked before it is read."""
        return self._tables.frame(self._files(version))

    def columns(self, version: DatasetVersion) -> dict[str, "list[Any]"]:
        """Return the rows as plain lists, every byte checked before it is read."""
        return self._tables.columns(self._files(version))

    def _files(self, version: DatasetVersion) -> "list[Path]":
        return [self._blobs.path(item.digest) for item in version.objects]

    def _equal(self, name: str, written: Written) -> DatasetVersion | None:
        """Return the newest version if it has these rows in other bytes.

        Equal rows have equal bytes only for one version of the engine; so an
        upgrade alone must not make a new version of the data.
        """
        with self._database.read() as connection:
            row = connection.execute(_of(name).limit(1)).mappings().first()
        newest = None if row is None else from_row(row)
        rows = sum(part.rows for part in written.parts)
        if newest is None or (newest.schema, newest.rows) != (written.columns, rows):
            return None
        files = [part.file for part in written.parts]
        digests = [digest_stream(_pieces(file)) for file in files]
        if digests == [item.digest for item in newest.objects]:
            return None
        try:
            before = self._files(newest)
        except (NotFound, Corrupt):
            return None
        return newest if self._tables.same(before, files) else None

    def _keep(self, written: Written) -> Manifest:
        objects = tuple(
            Object(
                digest=self._blobs.put(_pieces(part.file)),
                bytes=part.file.stat().st_size,
                rows=part.rows,
            )
            for part in written.parts
        )
        manifest = Manifest(columns=written.columns, objects=objects)
        self._blobs.put([canonical(manifest.content())])
        return manifest

    def _number(
        self, connection: sa.Connection, name: str, manifest: Manifest, actor: str
    ) -> DatasetVersion:
        hold(connection)  # One at a time gives out numbers, in the order of the log.
        same = _of(name).where(dataset_versions.c.digest == manifest.digest)
        row = connection.execute(same).mappings().first()
        if row is not None:
            return from_row(row)
        newest = connection.execute(_of(name).limit(1)).mappings().first()
        made = DatasetVersion(
            name=name,
            number=1 if newest is None else newest["number"] + 1,
            manifest=manifest,
            created_us=to_us(self._clock.now()),
            actor=actor,
        )
        connection.execute(dataset_versions.insert().values(to_row(made)))
        append(connection, made.created_us, entry_of(made))
        return made

    def _known(self, name: str) -> str:
        versions = self.list(name)
        if not versions:
            return f"no version of {name} was made yet"
        return f"{name} has versions 1 to {versions[0].number}"

    def _problem(self, what: str, digest: str) -> str:
        try:
            self._blobs.path(digest)
        except NotFound:
            return f"{what} ({digest}) is missing"
        except Corrupt:
            return f"{what} ({digest}) is damaged"
        return ""


def has_versions(connection: sa.Connection, name: str) -> bool:
    """Say whether there is any version of the dataset called *name*."""
    return connection.execute(_of(name).limit(1)).first() is not None


def _of(name: str) -> sa.Select[Any]:
    query = sa.select(dataset_versions).where(dataset_versions.c.name == name)
    return query.order_by(dataset_versions.c.number.desc())


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece
