"""What each row claims that an entry of the audit log must say too.

Pure: a row in, its claims out. Rows are selected with their JSON as the text that
is stored, so that a row is judged however damaged it may be.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry, Recorded
from roadbed.control.tables import resources, snapshots
from roadbed.core.digest import canonical, digest
from roadbed.core.errors import RoadbedError
from roadbed.data.erasure.tables import erasures
from roadbed.data.marks import ACTION as MARKED
from roadbed.data.tables import dataset_marks, dataset_versions
from roadbed.data.version import ORIGIN, origin_of
from roadbed.database.tables import Json
from roadbed.evals.feedback_seals import SEAL as FEEDBACK_SEALED
from roadbed.evals.feedback_tables import feedback_batches
from roadbed.gateway.tables import segments
from roadbed.identity.tables import keys, revocations, signing_keys
from roadbed.registry.proof.tables import statement_keys, statements
from roadbed.registry.runs import Input, Run
from roadbed.registry.tables import approvals, model_versions, runs, withdrawals

Row = Mapping[str, Any]
Said = tuple[str, str, Any]

NOT_READABLE = "(not readable)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a row says about one act: which entry is of it, and what both must say.

    `pick` are values of the entry's detail that single it out; `says` are triples
    of a word for people, where the entry holds the value (`actor`, `at_us`, or a
    name of its detail), and the value that the row holds. Of several entries the
    first counts, or with `last` the last: then all of them are this row's.
    """

    name: str
    action: str
    resource: str
    says: tuple[Said, ...] = ()
    pick: Mapping[str, Any] = field(default_factory=dict)
    last: bool = False

    def is_of(self, entry: Recorded) -> bool:
        """Say whether *entry* is about the act that is claimed."""
        return (
            (entry.action, entry.resource, entry.outcome)
            == (self.action, self.resource, "done")
        ) and all(entry.detail.get(n) == value for n, value in self.pick.items())

    def differences(self, entry: Recorded) -> list[str]:
        """Return what *entry* says otherwise; what it does not speak of is passed."""
        actual = {**entry.detail, "actor": entry.actor, "at_us": entry.at_us}
        found = [
            word
            for word, where, value in self.says
            if where in actual and actual[where] != _as_logged(where, value)
        ]
        return list(dict.fromkeys(found))


def claims_of(table: sa.Table, row: Row) -> list[Claim]:
    """Return what *row* of *table* claims."""
    return list(_CLAIMS[table](row))


def columns_of(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Return the columns of *table*, JSON as the text that is stored."""
    return [
        sa.type_coerce(column, sa.Text).label(column.name)
        if isinstance(column.type, Json)
        else column
        for column in table.c
    ]


def read_json(text: Any) -> Any:
    """Return the value of *text*, None if it is no JSON."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _model(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"{row['model']}@{row['number']}",
        action="model.register",
        resource=f"Model/{row['model']}",
        pick={"version": row["number"]},
        says=(
            ("actor", "actor", row["actor"]),
            ("time", "at_us", row["created_us"]),
            ("digest", "digest", row["digest"]),
            ("definition", "digest", _digest(row["definition"])),
            ("run", "run", row["run_id"] or ""),
        ),
    )


def _dataset(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"{row['name']}@{row['number']}",
        action="dataset.write",
        resource=f"Dataset/{row['name']}",
        pick={"version": row["number"]},
        says=(
            ("actor", "actor", row["actor"]),
            ("time", "at_us", row["created_us"]),
            ("digest", "digest", row["digest"]),
            ("manifest", "digest", _digest(row["manifest"])),
            ("report", "report", row["report"] or ""),
            ("origin", "origin", _origin(row)),
        ),
    )


def _origin(row: Row) -> str:
    """Return the digest of where a dataset version came from, as its entry has it."""
    plain = ("run_id", "report")
    return origin_of({n: row[n] if n in plain else read_json(row[n]) for n in ORIGIN})


def _mark(row: Row) -> Iterator[Claim]:
    ref = f"{row['name']}@{row['number']}"
    yield Claim(
        name=f"what was said of {ref}",
        action=MARKED,
        resource=f"Dataset/{row['name']}",
        pick={"version": row["number"], "bad": bool(row["bad"])},
        says=(
            ("actor", "actor", row["actor"]),
            ("digest", "digest", row["digest"]),
            ("reason", "reason", row["reason"]),
        ),
    )


def _resource(row: Row) -> Iterator[Claim]:
    retired = row["change"] == "retire"
    state = "retired" if retired else "live"
    yield Claim(
        name=f"{row['kind']}/{row['name']}, revision {row['revision']}",
        action="stack.apply",
        resource=f"{row['kind']}/{row['name']}",
        pick={"revision": row["revision"]},
        says=(
            ("applied_by", "actor", row["applied_by"]),
            ("time", "at_us", row["applied_us"]),
            ("change", "change", row["change"]),
            ("state", "change", row["change"] if row["state"] == state else ""),
            ("stack revision", "stack", row["snapshot"]),
            ("digest", "digest", row["digest"]),
            ("content", "digest", _digest(row["content"])),
            ("file", "file", row["file"]),
            ("line", "line", row["line"]),
        ),
    )


def _snapshot(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"stack revision {row['revision']}",
        action="stack.apply",
        resource=f"Stack/{row['revision']}",
        says=(
            ("applied_by", "actor", row["applied_by"]),
            ("time", "at_us", row["applied_us"]),
            ("digest", "digest", row["digest"]),
            ("content", "digest", _digest(row["content"])),
        ),
    )


def _run(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"run {row['id']}",
        action="run.write",
        resource=f"Run/{row['id']}",
        last=True,
        says=(
            ("actor", "actor", row["actor"]),
            ("name", "run", row["name"]),
            ("status", "status", row["status"]),
            ("record", "digest", _run_digest(row)),
        ),
    )


def _key(row: Row) -> Iterator[Claim]:
    name, resource = f"key {row['id']}", f"Key/{row['id']}"
    yield Claim(
        name=name,
        action="key.create",
        resource=resource,
        says=(
            ("created_by", "actor", row["created_by"]),
            ("time", "at_us", row["created_us"]),
            ("account", "account", row["account"]),
            ("expiry", "expires_us", row["expires_us"]),
            ("digest", "digest", row["digest"]),
        ),
    )
    if row["revoked_us"] is not None:
        says = (
            ("revoked_by", "actor", row["revoked_by"]),
            ("time of revocation", "at_us", row["revoked_us"]),
        )
        yield Claim(name=name, action="key.revoke", resource=resource, says=says)


def _signing_key(row: Row) -> Iterator[Claim]:
    """Claim the key itself: whoever could add one would make tokens of anybody."""
    name, resource = f"signing key {row['kid']}", f"SigningKey/{row['kid']}"
    yield Claim(
        name=name,
        action="signing-key.create",
        resource=resource,
        says=(
            ("time", "at_us", row["created_us"]),
            ("expiry", "expires_us", row["expires_us"]),
            ("key", "digest", _digest(row["jwk"])),
        ),
    )
    if row["retired_us"] is not None:
        says = (("time of retirement", "at_us", row["retired_us"]),)
        yield Claim(
            name=name, action="signing-key.retire", resource=resource, says=says
        )


def _revocation(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"revocation of {row['kind']} {row['name']}",
        action="token.revoke",
        resource=f"Token/{row['name']}",
        pick={"kind": row["kind"]},
        last=True,
        says=(
            ("revoked_by", "actor", row["revoked_by"]),
            ("time", "at_us", row["revoked_us"]),
        ),
    )


def _segment(row: Row) -> Iterator[Claim]:
    """Claim the place only: what is in a segment, `gateway.proof` compares."""
    yield Claim(
        name=f"segment {row['id']}",
        action="calls.seal",
        resource=f"Segment/{row['id']}",
    )


def _feedback_batch(row: Row) -> Iterator[Claim]:
    """Claim the root only: that the rows have it, `evals.feedback_seals` says."""
    yield Claim(
        name=f"feedback batch {row['id']}",
        action=FEEDBACK_SEALED,
        resource=f"FeedbackBatch/{row['id']}",
        says=(
            ("time", "at_us", row["sealed_us"]),
            ("root", "root", row["root"]),
            ("count of rows", "rows", row["rows"]),
        ),
    )


def _approval(row: Row) -> Iterator[Claim]:
    ref = f"{row['model']}@{row['number']}"
    yield Claim(
        name=f"approval of {ref} by {row['approver']}",
        action="version.approve",
        resource=f"ModelVersion/{ref}",
        pick={"digest": row["digest"], "approver": row["approver"]},
        says=(
            ("approver", "actor", row["approver"]),
            ("time", "at_us", row["at_us"]),
            ("reason", "reason", row["reason"]),
        ),
    )


def _withdrawal(row: Row) -> Iterator[Claim]:
    ref = f"{row['model']}@{row['number']}"
    yield Claim(
        name=f"withdrawal of {ref}",
        action="version.delete",
        resource=f"ModelVersion/{ref}",
        says=(
            ("actor", "actor", row["actor"]),
            ("time", "at_us", row["at_us"]),
            ("digest", "digest", row["digest"]),
            ("reason", "reason", row["reason"]),
        ),
    )


def _statement_key(row: Row) -> Iterator[Claim]:
    """Claim the key itself: whoever could add one would sign what they like."""
    yield Claim(
        name=f"statement key {row['kid']}",
        action="statement-key.create",
        resource=f"StatementKey/{row['kid']}",
        says=(
            ("time", "at_us", row["created_us"]),
            ("key", "digest", _digest(row["jwk"])),
        ),
    )


def _statement(row: Row) -> Iterator[Claim]:
    ref = f"{row['model']}@{row['number']}"
    yield Claim(
        name=f"statement of {ref}",
        action="statement.sign",
        resource=f"ModelVersion/{ref}",
        says=(
            ("time", "at_us", row["created_us"]),
            ("envelope", "statement", row["digest"]),
            ("key", "key", row["kid"]),
        ),
    )


def _erasure(row: Row) -> Iterator[Claim]:
    yield Claim(
        name=f"erasure of {row['digest']}",
        action="blob.erase",
        resource=f"Blob/{row['digest']}",
        says=(
            ("actor", "actor", row["actor"]),
            ("time", "at_us", row["at_us"]),
            ("reason", "reason", row["reason"]),
        ),
    )


_CLAIMS: dict[sa.Table, Callable[[Row], Iterator[Claim]]] = {
    runs: _run,
    model_versions: _model,
    dataset_versions: _dataset,
    dataset_marks: _mark,
    resources: _resource,
    snapshots: _snapshot,
    keys: _key,
    signing_keys: _signing_key,
    revocations: _revocation,
    segments: _segment,
    feedback_batches: _feedback_batch,
    approvals: _approval,
    withdrawals: _withdrawal,
    statement_keys: _statement_key,
    statements: _statement,
    erasures: _erasure,
}
TABLES = tuple(_CLAIMS)
"""The tables whose every row is claimed to be in the audit log."""


def _run_digest(row: Row) -> str:
    """Return the digest of a run's record, as the run itself counts it.

    The metrics of a run that is under way are not in the log yet.
    """
    try:
        values = {**row, **_run_json(row)}
        values["data"] = tuple(Input(**item) for item in values["data"])
        if values["status"] == "started":
            values["metrics"] = {}
        values["metrics"] = {n: float(v) for n, v in values["metrics"].items()}
        return Run(**values).digest
    except (AttributeError, TypeError, ValueError, RoadbedError):
        return NOT_READABLE


def _run_json(row: Row) -> dict[str, Any]:
    """Return the JSON of a run; raise ValueError if it is not spelled as written."""
    values = {}
    for column in runs.c:
        if isinstance(column.type, Json) and row[column.name] is not None:
            value = json.loads(row[column.name])
            if canonical(value).decode() != row[column.name]:
                raise ValueError(column.name)
            values[column.name] = value
    return values


def _digest(text: Any) -> str:
    """Return the digest of canonical JSON as it is stored, spelling and all."""
    if not isinstance(text, str) or read_json(text) is None:
        return NOT_READABLE
    return digest(text.encode("utf-8", "replace"))


def _as_logged(where: str, value: Any) -> Any:
    """Return *value* as the log writes it: an actor's name is cut and printable."""
    return Entry(str(value), "", "").cleaned().actor if where == "actor" else value
