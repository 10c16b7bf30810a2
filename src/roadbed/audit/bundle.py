"""Everything a verifier needs, in one file that needs neither us nor the database."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from roadbed.audit import tables
from roadbed.audit.copies import read_copy
from roadbed.audit.entry import Recorded
from roadbed.audit.rows import COLUMNS, from_row
from roadbed.core.errors import Corrupt, NotFound
from roadbed.database.engine import Database

FORMAT = "roadbed-audit-bundle/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The log's entries in order, and the signed notes that speak of them.

    `notes` holds pairs of where a note was found and the note; `tree` is the row
    that the log appends with, as plain JSON: unsigned, but a witness too.
    """

    entries: Iterable[Recorded]
    notes: tuple[tuple[str, str], ...] = ()
    tree: dict[str, Any] | None = None

    def with_note(self, source: str, note: str) -> Self:
        """Return the bundle with one more note, such as one that an auditor kept."""
        return replace(self, notes=(*self.notes, (source, note)))

    def write(self, path: Path) -> None:
        """Write the bundle to *path*, one JSON object to a line."""
        with path.open("w", encoding="utf-8") as file:
            for line in self._lines():
                file.write(json.dumps(line, sort_keys=True) + "\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        yield {"format": FORMAT, "tree": self.tree}
        for source, note in self.notes:
            yield {"source": source, "note": note}
        for entry in self.entries:
            yield {
                "seq": entry.seq,
                "at_us": entry.at_us,
                "actor": entry.actor,
                "action": entry.action,
                "resource": entry.resource,
                "outcome": entry.outcome,
                "detail": entry.stored_detail,
                "leaf": entry.leaf,
            }


def export(database: Database, copies: Path) -> Bundle:
    """Return the whole log with its checkpoints, from the database and its copy.

    What was tampered with is exported as it stands. Raises Corrupt if the database
    cannot be read at all.
    """
    try:
        with steady(database) as connection:
            signed = sa.select(tables.checkpoints.c.note)
            order = tables.checkpoints.c.size
            notes = connection.execute(signed.order_by(order)).scalars().all()
            query = sa.select(*COLUMNS).order_by(tables.entries.c.seq)
            entries = tuple(from_row(row) for row in connection.execute(query))
            tree = _read_tree(connection)
    # SQLite quotes a damaged schema in its message, in bytes that are no text.
    except (DatabaseError, UnicodeDecodeError) as error:
        raise Corrupt(
            f"the audit log cannot be read: {getattr(error, 'orig', error)}",
            hint="restore the database from a backup and verify that",
        ) from None
    found = [("database", n) for n in notes] + [("copy", n) for n in read_copy(copies)]
    return Bundle(entries=entries, notes=tuple(found), tree=tree)


def read_bundle(path: Path) -> Bundle:
    """Read what `write` wrote; raise NotFound or Corrupt naming the line."""
    if not path.is_file():
        raise NotFound(f"there is no audit bundle at {path}")
    lines = enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
    head, *rest = [_parse(path, number, line) for number, line in lines] or [{}]
    if head.get("format") != FORMAT:
        raise Corrupt(f"{path} is no audit bundle", hint=f"it begins with {FORMAT}")
    try:
        return Bundle(
            notes=tuple((x["source"], x["note"]) for x in rest if "note" in x),
            entries=tuple(from_row(SimpleNamespace(**x)) for x in rest if "seq" in x),
            tree=head.get("tree"),
        )
    except (KeyError, AttributeError) as error:
        raise Corrupt(f"{path} has a line without {error}") from None


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Corrupt(f"line {number} of {path} was damaged: it is no JSON object")
    return value


@contextmanager
def steady(database: Database) -> Iterator[sa.Connection]:
    """Open a connection that sees one moment, and reads bytes that are no UTF-8."""
    with database.read() as connection:
        if database.dialect == "postgresql":
            yield connection.execution_options(isolation_level="REPEATABLE READ")
            return
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            yield connection
        finally:
            driver.text_factory = str


def _read_tree(connection: sa.Connection) -> dict[str, Any] | None:
    nodes = sa.type_coerce(tables.tree.c.nodes, sa.Text)
    row = connection.execute(sa.select(tables.tree.c.size, nodes)).first()
    if row is None:
        return None
    try:
        return {"size": row[0], "nodes": json.loads(row[1])}
    except ValueError:
        return {"size": row[0], "nodes": []}
