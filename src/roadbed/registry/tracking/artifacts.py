"""The files that runs leave behind: named by a path, kept by digest."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.registry.tables import runs
from roadbed.registry.tracking.tables import run_artifacts, run_seals

_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
_MAX_PATH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file of a run: its path below the run, and the digest of its bytes."""

    run_id: str
    path: str
    digest: str
    bytes: int
    sealed: bool
    created_us: int


class Artifacts:
    """Keeps the files of runs, and finds them."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def put(self, run_id: str, path: str, pieces: Iterable[bytes]) -> Artifact:
        """Keep a file as *path* of the run; it takes the place of an earlier one.

        Raises Invalid for a path that leaves the run, NotFound without such a run,
        Conflict where a model version rests on the file that is there.
        """
        check_path(path)
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                size += len(piece)
                yield piece

        digest = self._blobs.put(counted())
        made = Artifact(
            run_id=run_id,
            path=path,
            digest=digest,
            bytes=size,
            sealed=False,
            created_us=to_us(self._clock.now()),
        )
        with self._database.write() as connection:
            _must_be_open(connection, run_id, path)
            mine = (run_artifacts.c.run_id == run_id, run_artifacts.c.path == path)
            connection.execute(run_artifacts.delete().where(*mine))
            connection.execute(run_artifacts.insert().values(**asdict(made)))
        return made

    def list(self, run_id: str, below: str = "") -> list[Artifact]:
        """Return the files of a run in the order of their paths, all or *below* one."""
        query = sa.select(run_artifacts).where(run_artifacts.c.run_id == run_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(run_artifacts.c.path)).mappings()
            found = [_read(row) for row in rows]
        prefix = f"{below.rstrip('/')}/" if below else ""
        return [a for a in found if a.path.startswith(prefix) or a.path == below]

    def get(self, run_id: str, path: str) -> tuple[Artifact, Iterator[bytes]]:
        """Return a file and its bytes; raise NotFound, or Corrupt if it was edited."""
        with self._database.read() as connection:
            row = connection.execute(_one(run_id, path)).mappings().first()
        if row is None:
            raise NotFound(f"run {run_id} has no artifact {path!r}")
        found = _read(row)
        return found, self._blobs.get(found.digest)

    def remove(self, run_id: str, path: str) -> None:
        """Remove the file at *path*, or all below it.

        Raises NotFound if there is none, Conflict where a model version rests on one.
        """
        found = self.list(run_id, path) if path else self.list(run_id)
        if not found:
            raise NotFound(f"run {run_id} has no artifact {path!r}")
        with self._database.write() as connection:
            for file in found:
                _must_be_open(connection, run_id, file.path)
                mine = (run_artifacts.c.run_id == run_id,)
                where = (*mine, run_artifacts.c.path == file.path)
                connection.execute(run_artifacts.delete().where(*where))


def check_path(path: str) -> None:
    """Raise Invalid unless *path* names a file below its run, in one spelling."""
    parts = path.split("/")
    if _ODD.search(path) or any(p in ("", ".", "..") for p in parts):
        raise Invalid(
            f"{path[:80]!r} is no path of an artifact",
            hint="write names with / between them, such as model/weights.onnx",
        )
    if len(path) > _MAX_PATH:
        raise Invalid(f"the path of an artifact has at most {_MAX_PATH} characters")


def seal(connection: sa.Connection, run_id: str, below: str = "") -> None:
    """Close the files of the run, or those *below* a path, for good.

    No file is added there either.
    """
    mine = run_artifacts.c.run_id == run_id
    if below:
        path, prefix = run_artifacts.c.path, f"{below.rstrip('/')}/"
        mine &= (path == below) | path.startswith(prefix, autoescape=True)
    connection.execute(run_artifacts.update().where(mine).values(sealed=True))
    closed = {"run_id": run_id, "below": below.rstrip("/")}
    known = sa.select(run_seals).filter_by(**closed)
    if connection.execute(known).first() is None:
        connection.execute(run_seals.insert().values(**closed))


def _must_be_open(connection: sa.Connection, run_id: str, path: str) -> None:
    there = sa.select(runs.c.id).where(runs.c.id == run_id)
    if connection.execute(there).first() is None:
        raise NotFound(f"there is no run {run_id!r}")
    if is_sealed(connection, run_id, path):
        raise Conflict(
            f"artifact {path!r} of run {run_id} is part of a model version",
            hint="log it under another path, or in another run",
        )


def is_sealed(connection: sa.Connection, run_id: str, path: str) -> bool:
    """Say whether what is at *path*, or would be, belongs to a model version."""
    parts = path.split("/")
    above = ["", *("/".join(parts[:n]) for n in range(1, len(parts) + 1))]
    closed = sa.select(run_seals.c.below).where(
        run_seals.c.run_id == run_id, run_seals.c.below.in_(above)
    )
    row = connection.execute(_one(run_id, path)).mappings().first()
    return bool(row and row["sealed"]) or connection.execute(closed).first() is not None


def _one(run_id: str, path: str) -> sa.Select[Any]:
    return sa.select(run_artifacts).where(
        run_artifacts.c.run_id == run_id, run_artifacts.c.path == path
    )


def _read(row: Mapping[Any, Any]) -> Artifact:
    return Artifact(**row)
