"""Makes dataset versions out of content, finds them, and checks every byte."""

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadbed.audit.log import append, hold
from roadbed.core.clock import Clock, to_us
from roadbed.core.digest import canonical, digest_stream
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.core.reference import NAME, VersionRef, parse
from roadbed.data import lineage, origins
from roadbed.data.manifest import Manifest, Object
from roadbed.data.report import refuse, report
from roadbed.data.sources import Opened, Tell, Wish, opened
from roadbed.data.tables import dataset_versions
from roadbed.data.tree import KEY, pieces
from roadbed.data.trees import Trees, write_files
from roadbed.data.version import DatasetVersion, entry_of, from_row, to_row
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.ports.tables import Judged, Tables, Written

_PLAIN = Wish()


class Datasets:
    """Makes dataset versions, finds them, and checks that they are what they were."""

    def __init__(
        self, database: Database, blobs: Blobs, clock: Clock, tables: Tables
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._tables = tables
        self._trees = Trees(blobs, tables)

    @property
    def tables(self) -> Tables:
        """Return the engine that reads and compares tables."""
        return self._tables

    def snapshot(
        self, name: str, source: Any, actor: str, wish: Wish = _PLAIN
    ) -> DatasetVersion:
        """Return the version of *name* that holds the rows of *source*.

        A source is a pandas frame, an Arrow table, a dict of columns, the path of a
        CSV, JSON Lines or Parquet file, a `Query`, or a `Tree` of files. The same
        rows in the same order are the same version; data that is already here takes
        no more room. Raises Invalid if the source is no clean table, or breaks a rule
        of *wish*; then nothing is kept.
        """
        if not re.fullmatch(NAME, name):
            raise Invalid(
                f"{name!r} is no name of a dataset",
                hint="small letters, digits and hyphens, beginning with a letter",
            )
        for parent in wish.parents:
            self.get(parse(parent))
        with tempfile.TemporaryDirectory(prefix="roadbed-") as folder:
            with opened(source) as given:
                key = KEY if given.files else wish.key
                written = self._tables.write(given.rows, Path(folder), key)
            judged = self._judge(name, written, wish)
            if (equal := self._equal(name, written)) is not None:
                with self._database.write() as connection:
                    return _noted(connection, equal, given)
            draft = self._keep(name, written, given, actor, wish)
            made = self._with_report(draft, judged)
            if given.files:
                made = self._with_files(made, source.folder, given, wish)
        with self._database.write() as connection:
            return _noted(connection, self._number(connection, made), given)

    def get(self, ref: VersionRef) -> DatasetVersion:
        """Return the version that *ref* names; raise NotFound, or Corrupt if edited."""
        chosen = _of(ref.name).where(dataset_versions.c.number == ref.number)
        with self._database.read() as connection:
            row = connection.execute(chosen).mappings().first()
        if row is None:
            raise NotFound(
                f"there is no dataset version {ref}", hint=self._known(ref.name)
            )
        return from_row(row, self)

    def newest(self, name: str) -> DatasetVersion:
        """Return the version of *name* with the highest number; raise NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_of(name).limit(1)).mappings().first()
        if row is None:
            raise NotFound(
                f"dataset {name!r} has no version yet",
                hint=f"make one: `bed.dataset({name!r}).snapshot(frame)`",
            )
        return from_row(row, self)

    def list(self, name: str) -> list[DatasetVersion]:
        """Return all versions of *name*, newest first."""
        with self._database.read() as connection:
            return [
                from_row(row, self) for row in connection.execute(_of(name)).mappings()
            ]

    def verify(self, ref: VersionRef, tell: Tell = _PLAIN.tell) -> DatasetVersion:
        """Hash the manifest and every object again and return the version.

        Of a tree every file is read again. Raises Corrupt, naming each object that is
        missing or not what it was.
        """
        version = self.get(ref)
        wanted = [("the manifest", version.digest)]
        for at, item in enumerate(version.objects, 1):
            wanted.append((f"object {at} of {len(version.objects)}", item.digest))
        if version.report:
            wanted.append(("the report of its checks", version.report))
        step = tell(f"verifying {version}", len(wanted))
        problems = []
        for what, name in wanted:
            problems += [p for p in [self._problem(what, name)] if p]
            step(1)
        if version.tree and not problems:
            problems = list(self._trees.problems(version, tell))
        if problems:
            raise Corrupt(
                f"{version} is not what was stored: " + "; ".join(problems),
                hint="restore the named files from a backup, or snapshot the same "
                "data again",
            )
        return version

    def paths(self, version: DatasetVersion) -> "list[Path]":
        """Return the Parquet files of the rows, every byte checked just now."""
        return [self._blobs.path(item.digest) for item in version.objects]

    def export(self, version: DatasetVersion, folder: Path) -> "list[Path]":
        """Write the files of a tree, or of a table's rows, into the empty *folder*.

        Every byte is checked. Raises Invalid if there is something in *folder*.
        """
        if version.tree:
            return self._trees.export(version, folder)
        names = [f"{at:05d}.parquet" for at in range(len(version.objects))]
        files = zip(names, self.paths(version), strict=True)
        return write_files(folder, ((name, pieces(path)) for name, path in files))

    def frame(self, version: DatasetVersion) -> Any:
        """Return the rows as a pandas frame, every byte checked before it is read."""
        return self._tables.frame(self.paths(version))

    def columns(self, version: DatasetVersion) -> dict[str, "list[Any]"]:
        """Return the rows as plain lists, every byte checked before it is read."""
        return self._tables.columns(self.paths(version))

    def columns_of_each(
        self, *versions: DatasetVersion
    ) -> "list[dict[str, list[Any]]]":
        """Return the rows of several versions, as `columns` does of one."""
        return self._tables.columns_of_each([self.paths(v) for v in versions])

    def _equal(self, name: str, written: Written) -> DatasetVersion | None:
        """Return the newest version if it has these rows in other bytes.

        Equal rows have equal bytes only for one version of the engine; so an
        upgrade alone must not make a new version of the data.
        """
        with self._database.read() as connection:
            row = connection.execute(_of(name).limit(1)).mappings().first()
        newest = None if row is None else from_row(row, self)
        rows = sum(part.rows for part in written.parts)
        if newest is None or (newest.schema, newest.rows) != (written.columns, rows):
            return None
        files = [part.file for part in written.parts]
        digests = [digest_stream(pieces(file)) for file in files]
        known = [item.digest for item in newest.objects]
        if digests == known:
            return None
        start, end = _alike(known, digests)
        try:
            before = self.paths(newest)[start : len(known) - end]
        except (NotFound, Corrupt):
            return None
        after = files[start : len(files) - end]
        if not before or not after:
            return None  # Rows came or went, and no others moved.
        return newest if self._tables.same(before, after) else None

    def _judge(self, name: str, written: Written, wish: Wish) -> "list[Judged]":
        files = [part.file for part in written.parts]
        judged = self._tables.judge(files, wish.rules)
        refuse(name, judged, masked=wish.masked)
        return judged

    def _keep(
        self, name: str, written: Written, given: Opened, actor: str, wish: Wish
    ) -> DatasetVersion:
        """Keep the objects and the manifest, and return the version without number."""
        step = wish.tell(f"keeping {name}", len(written.parts))
        objects = []
        for part in written.parts:
            size = part.file.stat().st_size
            kept = self._blobs.put(pieces(part.file))
            objects.append(Object(digest=kept, bytes=size, rows=part.rows))
            step(1)
        manifest = Manifest(
            columns=written.columns, objects=tuple(objects), tree=bool(given.files)
        )
        self._blobs.put([canonical(manifest.content())])
        return DatasetVersion(
            name=name,
            number=0,
            manifest=manifest,
            created_us=0,
            actor=actor,
            key=KEY if given.files else wish.key,
            source=given.record,
            parents=tuple(sorted(set(wish.parents))),
            run_id=wish.run_id,
        )

    def _with_report(
        self, version: DatasetVersion, judged: Sequence[Judged]
    ) -> DatasetVersion:
        if not judged:
            return version
        found = report(version.digest, version.rows, judged)
        return replace(version, report=self._blobs.put([canonical(found)]))

    def _with_files(
        self, version: DatasetVersion, folder: Path, given: Opened, wish: Wish
    ) -> DatasetVersion:
        step = wish.tell(f"keeping the files of {version.name}", len(given.files))
        before = next(iter(self.list(version.name)), None)
        return replace(
            version, stored=self._trees.keep(folder, given.files, before, step)
        )

    def _number(
        self, connection: sa.Connection, draft: DatasetVersion
    ) -> DatasetVersion:
        hold(connection)  # One at a time gives out numbers, in the order of the log.
        name = draft.name
        same = _of(name).where(dataset_versions.c.digest == draft.digest)
        row = connection.execute(same).mappings().first()
        if row is not None:
            return from_row(row, self)
        newest = connection.execute(_of(name).limit(1)).mappings().first()
        number = 1 if newest is None else newest["number"] + 1
        now_us = to_us(self._clock.now())
        made = replace(draft, number=number, created_us=now_us, shelf=self)
        connection.execute(dataset_versions.insert().values(to_row(made)))
        lineage.link(connection, _edges(made))
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


def _alike(left: Sequence[str], right: Sequence[str]) -> tuple[int, int]:
    """Return how many both begin with, and end with besides, that are the same."""
    most = min(len(left), len(right))
    start = 0
    while start < most and left[start] == right[start]:
        start += 1
    end = 0
    while end < most - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return start, end


def _noted(
    connection: sa.Connection, version: DatasetVersion, given: Opened
) -> DatasetVersion:
    """Remember the file that *version* was made of, if it was one, and return it."""
    if "digest" in given.record and given.record["kind"] == "file":
        ref = VersionRef(version.name, version.number)
        origins.note(connection, ref, given.record["digest"], given.record["bytes"])
    return version


def has_versions(connection: sa.Connection, name: str) -> bool:
    """Say whether there is any version of the dataset called *name*."""
    return connection.execute(_of(name).limit(1)).first() is not None


def newest_versions(connection: sa.Connection) -> dict[str, int]:
    """Return the highest number of each dataset that has versions."""
    table = dataset_versions
    query = sa.select(table.c.name, sa.func.max(table.c.number)).group_by(table.c.name)
    return {name: number for name, number in connection.execute(query)}


def _of(name: str) -> sa.Select[Any]:
    query = sa.select(dataset_versions).where(dataset_versions.c.name == name)
    return query.order_by(dataset_versions.c.number.desc())


def _edges(version: DatasetVersion) -> Iterable[lineage.Edge]:
    node = lineage.dataset(version)
    for parent in version.parents:
        yield lineage.Edge(node, lineage.DERIVED_FROM, lineage.dataset(parent))
    if version.run_id:
        yield lineage.Edge(node, lineage.MADE_BY, lineage.run(version.run_id))
