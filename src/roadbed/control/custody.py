"""Compare what the tables say with what the audit log says.

The log proves its own entries (`roadbed.audit.verify`). Here the rest is held to
it: each row that an entry speaks of, and each blob that a row names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.bundle import steady
from roadbed.audit.entry import Recorded
from roadbed.audit.outbox import Where, logged
from roadbed.control.claims import TABLES, Claim, Row, claims_of, columns_of, read_json
from roadbed.data.erasure.erasures import (
    NOTHING_ERASED,
    Condition,
    Erasure,
    condition,
    list_erasures,
)
from roadbed.data.tables import dataset_versions
from roadbed.database.engine import Database
from roadbed.evals.feedback_seals import problems
from roadbed.ports.blobs import Blobs
from roadbed.registry.proof import parts
from roadbed.registry.proof.tables import statements
from roadbed.registry.tables import model_versions, runs

ACTIONS = (
    "blob.erase",
    "calls.seal",
    "dataset.mark",
    "dataset.write",
    "feedback.seal",
    "key.create",
    "key.revoke",
    "model.register",
    "run.write",
    "signing-key.create",
    "signing-key.retire",
    "stack.apply",
    "statement-key.create",
    "statement.sign",
    "token.revoke",
    "version.approve",
    "version.delete",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One row against the log: the entry it was compared with, and what differs."""

    seq: int | None = None
    findings: tuple[str, ...] = ()

    @property
    def against(self) -> str:
        """Say which entry bears the row out; `""` if none does."""
        return f"audit entry {self.seq}" if self.seq and not self.findings else ""


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """A blob that a row names: whose it is, what it is there, and its digest."""

    owner: str
    what: str
    digest: str


def examine(database: Database, blobs: Blobs) -> tuple[str, ...]:
    """Return what is wrong with the tables and the blobs, in words.

    Each finding names the thing, and the audit entry if there is one; nothing is
    found if all is as it was written, also while more is.
    """
    with steady(database) as connection:
        findings = compare(connection)
        named, gone = held(connection), list_erasures(connection)
    return (*findings, *rehash(blobs, named, gone))


def compare(connection: sa.Connection) -> tuple[str, ...]:
    """Return where rows and audit entries differ, or one is without the other.

    The log and the tables are read one after another: *connection* sees one moment.
    """
    log = _log(connection)
    findings: list[str] = []
    for table in TABLES:
        for row in _rows(connection, table):
            for claim in claims_of(table, row):
                findings += against(claim, log.get(claim.resource, [])).findings
                _settle(claim, log.get(claim.resource, []))
    left = sorted((e for some in log.values() for e in some), key=lambda e: e.seq)
    return (*findings, *map(_orphan, left), *problems(connection))


def check(connection: sa.Connection, table: sa.Table, **key: Any) -> Checked:
    """Compare the one row of *table* that *key* names with its audit entries."""
    wanted = [table.c[name] == value for name, value in key.items()]
    seen, findings = None, []
    for row in _rows(connection, table, *wanted):
        for claim in claims_of(table, row):
            found = logged(connection, _about(claim.resource))
            result = against(claim, found, strict=True)
            seen = seen or result.seq
            findings += result.findings
    return Checked(seq=seen, findings=tuple(findings))


def against(claim: Claim, log: Sequence[Recorded], *, strict: bool = False) -> Checked:
    """Compare *claim* with the entries of its resource, oldest first.

    With *strict* the entry must also be what its own hash says; a whole log is
    proven elsewhere.
    """
    found = [entry for entry in log if claim.is_of(entry)]
    if not found:
        return Checked(findings=(f"{claim.name}: no audit entry speaks of it",))
    entry = found[-1] if claim.last else found[0]
    findings = [*_edited(claim, entry)] if strict else []
    if differing := claim.differences(entry):
        verb = "differ" if len(differing) > 1 else "differs"
        what = ", ".join(differing)
        findings.append(f"{claim.name}: its {what} {verb} from audit entry {entry.seq}")
    ended = [e for e in found if e.detail.get("status") in ("finished", "failed")]
    if ended and ended[0] is not entry:
        findings.append(
            f"{claim.name}: audit entry {entry.seq} changes a record that entry "
            f"{ended[0].seq} had closed"
        )
    return Checked(seq=entry.seq, findings=tuple(findings))


def _edited(claim: Claim, entry: Recorded) -> Iterator[str]:
    leaf = entry.computed()
    if leaf is None or leaf.hex() != entry.leaf:
        yield f"{claim.name}: audit entry {entry.seq} was edited"


def held(connection: sa.Connection) -> list[Held]:
    """Return every blob that a model version, a dataset version or a run names."""
    found = [
        Held(f"{row[head]}@{row['number']}", what, digest)
        for table, head, name in (
            (dataset_versions, "name", _in_manifest),
            (model_versions, "model", _in_definition),
        )
        for row in _rows(connection, table)
        for what, digest in name(row)
    ]
    found += [
        Held(f"run {row['id']}", what, digest)
        for row in _rows(connection, runs)
        for what, digest in _in_run(row)
    ]
    found += [
        Held(f"{row['model']}@{row['number']}", "statement", row["digest"])
        for row in _rows(connection, statements)
    ]
    return sorted({item for item in found if item.digest})


def files_of(
    connection: sa.Connection, name: str, number: int
) -> list[tuple[str, str]]:
    """Return what a dataset version names: its manifest first, then each data file."""
    table = dataset_versions
    wanted = (table.c.name == name, table.c.number == number)
    rows = _rows(connection, table, *wanted)
    return [each for row in rows for each in _in_manifest(row) if each[1]]


def rehash(
    blobs: Blobs, items: Iterable[Held], gone: Mapping[str, Erasure] = NOTHING_ERASED
) -> list[str]:
    """Read every blob again and return which are not what was written.

    What was erased, and is *gone*, is as it should be.
    """
    seen: dict[str, Condition] = {}
    findings = []
    for item in items:
        if item.digest not in seen:
            seen[item.digest] = condition(blobs, gone, item.digest)
        if (found := seen[item.digest]).state == "broken":
            findings.append(f"{item.owner}: {item.what} {item.digest} {found.reason}")
    return findings


def _log(connection: sa.Connection) -> dict[str, list[Recorded]]:
    """Return the entries that rows are held to, oldest first, by their resource."""
    found: dict[str, list[Recorded]] = {}
    for entry in logged(
        connection, lambda c: (c.action.in_(ACTIONS), c.outcome == "done")
    ):
        found.setdefault(entry.resource, []).append(entry)
    return found


def _about(resource: str) -> Where:
    return lambda c: (c.resource == resource,)


def _settle(claim: Claim, log: list[Recorded]) -> None:
    """Take the entries that *claim* accounts for out of *log*."""
    own = [entry for entry in log if claim.is_of(entry)]
    for entry in own if claim.last else own[:1]:
        log.remove(entry)


def _orphan(entry: Recorded) -> str:
    what = "".join(
        f", {name} {entry.detail[name]}"
        for name in ("version", "revision")
        if name in entry.detail
    )
    return (
        f"audit entry {entry.seq} says {entry.action} of {entry.resource}{what} "
        f"by {entry.actor}, but the tables do not"
    )


def _rows(
    connection: sa.Connection, table: sa.Table, *wanted: sa.ColumnElement[bool]
) -> Sequence[Row]:
    query = sa.select(*columns_of(table)).where(*wanted)
    return connection.execute(query.order_by(*table.primary_key)).mappings().all()  # pyright: ignore[reportReturnType]


def _in_manifest(row: Row) -> Iterator[tuple[str, str]]:
    yield "manifest", row["digest"]
    for item in _each(read_json(row["manifest"]), "objects"):
        yield "object", _text(item, "digest")
    yield "report", row["report"] or ""
    stored = read_json(row["stored"]) if row["stored"] else None
    for name in ("places", "objects"):
        for digest in _each(stored, name):
            yield "pack", str(digest)


def _in_definition(row: Row) -> Iterator[tuple[str, str]]:
    body = read_json(row["definition"])
    for name, digest in parts.artifacts(body):
        yield ("artifact" if name.startswith("model.") else f"artifact {name}"), digest
    for name, digest in parts.documents(body):
        yield f"document {name}", digest


def _in_run(row: Row) -> Iterator[tuple[str, str]]:
    code = read_json(row["code"])
    yield "patch", _text(code, "patch")
    yield "bundle", _text(code, "bundle")
    for path, digest in _files(_at(_at(code, "recipe"), "files")):
        yield f"file {path}", digest
    yield "lock", _text(read_json(row["environment"]), "lock")


def _files(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from ((str(path), str(digest)) for path, digest in value.items())


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any, name: str) -> str:
    return str(_at(value, name) or "")


def _each(value: Any, name: str) -> list[Any]:
    found = _at(value, name)
    return found if isinstance(found, list) else []
