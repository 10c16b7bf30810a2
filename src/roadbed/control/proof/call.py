"""Verify an answer: from the record of a call to all that it was made of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from roadbed.control.proof.link import Link, Verified
from roadbed.control.proof.sources import Sources, broken, erased_in
from roadbed.control.proof.version import Walk
from roadbed.control.state import Revision, find_applied, live_at
from roadbed.control.tables import resources, snapshots
from roadbed.core.errors import NotReady, RoadbedError
from roadbed.core.reference import parse
from roadbed.gateway.calls import Found
from roadbed.gateway.erasing import tombstone
from roadbed.inference.record import CallRecord
from roadbed.registry.versions import get_version


def verify_call(sources: Sources, call_id: str) -> Verified:
    """Return how the chain of an answer stands, every byte of it hashed again.

    Raises NotFound or Invalid if there is no such call.
    """
    found = sources.calls.find(call_id)
    with sources.database.read() as connection:
        sources = replace(sources, erased=erased_in(connection))
    links = [*_record(sources, found), *_payload(sources, found)]
    links += _declared(sources, found.record)
    links += _answered_by(sources, found.record)
    return Verified(subject=f"call {call_id}", links=tuple(links))


def _record(sources: Sources, found: Found) -> Iterator[Link]:
    """Yield the record under the root of its batch, and the batch in the log."""
    call_id = found.record.call_id
    link = Link(kind="Call", name=call_id, state="VERIFIED")
    try:
        proof = sources.calls.prove(call_id)
    except NotReady as error:
        yield replace(link, state="UNSEALED", reason=error.message)
        return
    except RoadbedError as error:
        yield broken(link, error)
        return
    if not proof.holds():
        reason = "it is not under the root of its batch"
        link = replace(link, state="BROKEN", reason=reason)
    yield link
    state, reason = sources.entry(proof.audit_seq)
    batch = Link(kind="Sealed batch", name=proof.segment, state=state, reason=reason)
    if findings := sources.calls.verify_segment(proof.segment):
        batch = replace(batch, state="BROKEN", reason="; ".join(findings))
    yield batch


def _payload(sources: Sources, found: Found) -> Iterator[Link]:
    """Yield what was said if it was erased; else the batch has looked at it."""
    name = tombstone(found.record)
    told = sources.erased.get(name)
    if told is None:
        return
    reason = f"erased by {told.actor}: {told.reason}"
    link = Link(kind="Payload", name=found.record.call_id, state="ERASED", digest=name)
    if found.payload is not None:
        link = replace(link, state="BROKEN")
        reason = "was erased, and its bytes are still here"
    yield replace(link, reason=reason)


def _declared(sources: Sources, record: CallRecord) -> Iterator[Link]:
    """Yield the endpoint as it was declared, and the snapshot that was served."""
    link = Link(kind="Snapshot", name=record.snapshot or "none", state="VERIFIED")
    try:
        with sources.database.read() as connection:
            applied = find_applied(connection, record.snapshot)
            live = live_at(connection, applied.revision)
    except RoadbedError as error:
        yield broken(link, error)
        return
    name = f"revision {applied.revision}"
    link = replace(link, name=name, digest=applied.digest)
    yield sources.row(link, snapshots, revision=applied.revision)
    yield _endpoint(sources, record.endpoint, live)


def _endpoint(
    sources: Sources, name: str, live: Mapping[tuple[str, str], Revision]
) -> Link:
    link = Link(kind="Endpoint", name=name, state="VERIFIED", owner=f"Endpoint/{name}")
    endpoint = live.get(("Endpoint", name))
    if endpoint is None:
        reason = "it was not declared at that time"
        return replace(link, state="BROKEN", reason=reason)
    key = {"kind": "Endpoint", "name": name, "revision": endpoint.revision}
    return sources.row(replace(link, digest=endpoint.digest), resources, **key)


def _answered_by(sources: Sources, record: CallRecord) -> Iterator[Link]:
    """Yield the version that answered, if one did, and what it was made of."""
    if not record.model:
        yield Link(
            kind="Model version",
            name="none",
            state="UNSEALED",
            reason="the call reached no model version",
        )
        return
    ref = parse(record.model)
    links = list(Walk(sources).version(ref))
    try:
        with sources.database.read() as connection:
            digest = get_version(connection, ref).digest
    except RoadbedError:
        digest = record.model_digest  # The walk says what is wrong with it.
    if digest != record.model_digest:
        reason = f"the call was answered by {record.model_digest}"
        links[0] = replace(links[0], state="BROKEN", reason=reason)
    yield from links
