"""Proof that a call is in its segment, and that a segment is what was sealed."""

import hmac
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from roadbed.audit import merkle
from roadbed.audit.outbox import logged
from roadbed.core.errors import Corrupt, RoadbedError
from roadbed.gateway.erasing import borne_out, payloads_erased
from roadbed.gateway.history import History
from roadbed.gateway.leaf import leaf_of
from roadbed.gateway.seal import digest_file, entry_of
from roadbed.gateway.segments import ACTION, Segment
from roadbed.inference.record import CallRecord, Payload, commit, leaf_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProof:
    """A call's place under the Merkle root that the audit log holds.

    `path` leads from leaf `index` of `size` to `root`, all in hex; `audit_seq` is
    the audit entry that has the root in its detail.
    """

    record: CallRecord
    segment: str
    index: int
    size: int
    path: tuple[str, ...]
    root: str
    audit_seq: int

    def holds(self) -> bool:
        """Say whether the record, as it stands here, is under the root."""
        try:
            path = [bytes.fromhex(node) for node in self.path]
            root = bytes.fromhex(self.root)
        except ValueError:
            return False
        leaf = merkle.leaf_hash(leaf_bytes(self.record))
        return merkle.verify_inclusion(leaf, self.index, self.size, path, root)


def prove(segment: Segment, records: Sequence[CallRecord], call_id: str) -> CallProof:
    """Return the proof of one of *records*, which are all those of *segment*.

    Raises Corrupt if they are not what was sealed.
    """
    ordered = in_order(records)
    leaves = [merkle.leaf_hash(leaf_of(record)) for record in ordered]
    if merkle.root(leaves).hex() != segment.root:
        raise Corrupt(
            f"segment {segment.id} is not what was sealed: its Merkle root differs",
            hint="run `roadbed audit verify`; restore the file from a copy",
        )
    index = next(i for i, record in enumerate(ordered) if record.call_id == call_id)
    return CallProof(
        record=ordered[index],
        segment=segment.id,
        index=index,
        size=len(leaves),
        path=tuple(node.hex() for node in merkle.inclusion_proof(leaves, index)),
        root=segment.root,
        audit_seq=segment.audit_seq,
    )


def in_order(records: Iterable[CallRecord]) -> list[CallRecord]:
    """Return *records* in the order of their leaves: by time, then by call id."""
    return sorted(records, key=lambda record: (record.ts, record.call_id))


def examine(
    connection: sa.Connection, segment: Segment, history: History, root: Path
) -> tuple[str, ...]:
    """Return what is wrong with *segment* and its files, in words."""
    findings, content, gone = [*_entry(connection, segment)], [], set[str]()
    try:
        records = _records(segment, history, root)
        gone = borne_out(connection, records, payloads_erased(connection))
        content = [*_content(segment, history, root, (records, gone))]
    except RoadbedError as error:
        content = [f"segment {segment.id}: {error.message}"]
    return (*findings, *_files(segment, root, bool(gone)), *content)


def _entry(connection: sa.Connection, segment: Segment) -> Iterator[str]:
    expected = entry_of(segment)
    found = logged(
        connection, lambda c: (c.resource == expected.resource, c.action == ACTION)
    )
    if not found:
        yield f"segment {segment.id}: no audit entry speaks of it"
    elif found[0].detail != expected.detail:
        yield (
            f"segment {segment.id}: the catalog and audit entry {found[0].seq} "
            f"differ in {', '.join(_differences(found[0].detail, expected.detail))}"
        )


def _differences(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))


def _files(segment: Segment, root: Path, stripped: bool) -> Iterator[str]:
    """Yield what is wrong with the files; payloads that were *stripped* of some are
    another file than was sealed, and each is held to its record."""
    for dataset, file in segment.files().items():
        path = root / file.path
        if not path.exists():
            yield f"segment {segment.id}: the file {file.path} is missing"
            continue
        if dataset == "payloads" and stripped:
            continue
        digest, size = digest_file(path)
        if size != file.bytes:
            yield (
                f"segment {segment.id}: the {dataset} file has {size} bytes, "
                f"but {file.bytes} were sealed ({file.path})"
            )
        elif digest != file.sha256:
            yield f"segment {segment.id}: the {dataset} file was changed ({file.path})"


def _records(segment: Segment, history: History, root: Path) -> list[CallRecord]:
    """Return the calls in the order of their leaves; none if the file is missing."""
    file = root / segment.calls.path
    return in_order(history.records(file)) if file.exists() else []


def _content(
    segment: Segment,
    history: History,
    root: Path,
    known: tuple[Sequence[CallRecord], Set[str]],
) -> Iterator[str]:
    records, gone = known
    if not (root / segment.calls.path).exists():
        return
    leaves = [merkle.leaf_hash(leaf_of(record)) for record in records]
    if len(records) != segment.rows:
        yield (
            f"segment {segment.id}: {len(records)} calls are in the file, but "
            f"{segment.rows} were sealed"
        )
    if merkle.root(leaves).hex() != segment.root:
        yield f"segment {segment.id}: the calls are not those that were sealed"
    if segment.payloads and (root / segment.payloads.path).exists():
        payloads = history.payloads(root / segment.payloads.path)
        yield from _payloads(segment, records, payloads, gone)


def _payloads(
    segment: Segment,
    records: Sequence[CallRecord],
    payloads: Sequence[Payload],
    gone: Set[str],
) -> Iterator[str]:
    commits = {record.call_id: record.payload_commit for record in records}
    for payload in payloads:
        if payload.call_id in gone:
            yield (
                f"segment {segment.id}: the payload of {payload.call_id} was erased, "
                f"and is still here: `roadbed calls erase {payload.call_id}` again"
            )
        expected = commits.pop(payload.call_id, "")
        actual = commit(payload.salt, payload.request, payload.response)
        if not hmac.compare_digest(expected, actual):
            yield (
                f"segment {segment.id}: the payload of {payload.call_id} is not the "
                "one that its record commits to"
            )
    missing = [
        call_id
        for call_id, promised in commits.items()
        if promised and call_id not in gone
    ]
    if missing:
        yield (
            f"segment {segment.id}: {len(missing)} payloads are missing, "
            f"such as that of {missing[0]}"
        )
