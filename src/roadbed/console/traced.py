"""Calls and their chains, as the pages show them."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import quote

from roadbed.console.custody import places
from roadbed.console.data import CallRow, Fact, Hop, Verdict
from roadbed.console.rollouts.places import rollout_page
from roadbed.console.words import amount, count
from roadbed.control.why import Chain
from roadbed.control.why import Hop as Link
from roadbed.core.clock import to_us
from roadbed.gateway.calls import Found
from roadbed.gateway.proof import CallProof
from roadbed.inference.record import CallRecord, commit
from roadbed.rollouts.assignment import BUCKETS

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_OUTPUTS = 3


def row_of(record: CallRecord) -> CallRow:
    """Return one line of the list of calls."""
    return CallRow(
        call_id=record.call_id,
        at_us=record.ts,
        endpoint=record.endpoint,
        model=record.model,
        status=record.status,
        kind=record.kind,
        error=record.error,
        principal=record.principal,
        latency_us=record.latency_us,
        first_us=record.first_us,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        rows=record.rows,
        summary=_summary(record),
    )


_IN_CHAIN = {
    "Definition",
    "Snapshot",
    "Provider",
    "Allowed by",
    "Policies",
    "Tokens",
    "Served as",
    "Kept in",
}


def facts_beside(found: Found) -> tuple[Fact, ...]:
    """Return what is known of a call and neither its row nor its chain says."""
    return tuple(fact for fact in facts_of(found) if fact.label not in _IN_CHAIN)


def facts_of(found: Found) -> tuple[Fact, ...]:
    """Return what is known of a call beside its row."""
    record = found.record
    facts = [
        Fact(label="Definition", value=record.model_digest, digest=True),
        Fact(label="Snapshot", value=record.snapshot, digest=True),
        Fact(label="Provider", value=record.provider),
        Fact(label="Served as", value=record.served),
        Fact(label="Tokens", value=_tokens(record)),
        Fact(label="Rows", value=count(record.rows) if record.rows else ""),
        *_arm(record),
        Fact(label="Dialect", value=record.dialect),
        Fact(label="Region", value=record.region),
        Fact(label="Tenant", value=record.tenant),
        Fact(label="Allowed by", value=record.decision),
        Fact(label="Policies", value=record.policy, digest=True),
        Fact(label="Trace", value=record.trace_id),
        Fact(
            label="Kept in",
            value=f"segment {found.segment.id}" if found.segment else "the spool",
        ),
    ]
    return tuple(fact for fact in facts if fact.value)


def _arm(record: CallRecord) -> Iterator[Fact]:
    """Yield of which rollout a call was part, and where that put it."""
    if record.rollout:
        page = rollout_page(record.rollout)
        yield Fact(label="Rollout", value=record.rollout, href=page)
        yield Fact(label="Arm", value=record.arm)
        yield Fact(label="Bucket", value=f"{record.bucket:,} of {BUCKETS:,}")


def hops_of(chain: Chain) -> tuple[Hop, ...]:
    """Return the links of *chain* as stations, each with its page if it has one."""
    return tuple(
        Hop(
            title=link.title,
            kind=link.kind,
            name=link.name,
            digest=link.digest,
            facts=tuple(fact_of(label, value) for label, value in _facts(link)),
            href=page_of(link),
        )
        for link in chain.hops
    )


def _facts(link: Link) -> Iterator[tuple[str, str]]:
    yield from link.facts
    if link.checked:
        yield "checked against", link.checked


def fact_of(label: str, value: str) -> Fact:
    """Return a fact of the chain; a digest and a moment are recognised as such."""
    moment = to_us(datetime.fromisoformat(value)) if _MOMENT.fullmatch(value) else None
    return Fact(
        label=label[:1].upper() + label[1:],
        value=value,
        digest=bool(_DIGEST.fullmatch(value)),
        at_us=moment,
    )


def page_of(link: Link) -> str:
    """Return the console's page of a link, `""` if it has none."""
    bare = quote(link.name.partition("@")[0], safe="")
    pages = {
        "Endpoint": f"/console/endpoints/{bare}",
        "ModelVersion": places.version_page(link.name),
        "DatasetVersion": places.dataset_version_page(link.name),
        "Dataset": places.dataset_version_page(link.name),
        "Run": places.run_page(link.name),
        "Snapshot": f"/console/resources#r{link.name.rpartition(' ')[2]}",
    }
    return pages.get(link.kind, "")


def verdict_of_payload(found: Found) -> Iterator[Verdict]:
    """Say whether the bodies that are kept are those that the record commits to."""
    record, payload = found.record, found.payload
    if payload is None:
        if record.payload_commit:
            yield Verdict(
                holds=None,
                text="The request and the response are not kept; the record still "
                "holds their commitment.",
            )
        return
    made = commit(payload.salt, payload.request, payload.response)
    same = made == record.payload_commit
    yield Verdict(
        holds=same,
        text="The request and the response are those that the record commits to."
        if same
        else "The request or the response was changed: the record commits to others.",
    )


def verdict_of_proof(proof: CallProof, signed: int) -> Iterable[Verdict]:
    """Say whether the record is under the audit log; *signed*: entries under a
    checkpoint.
    """
    where = f"segment {proof.segment}, whose root is audit entry {proof.audit_seq:,}"
    if not proof.holds():
        return [
            Verdict(holds=False, text=f"The record is not the one sealed in {where}.")
        ]
    first = Verdict(holds=True, text=f"The record is in {where}.")
    covered = proof.audit_seq <= signed
    note = "That entry is under a signed checkpoint."
    late = "That entry waits for the next checkpoint to be signed."
    return [first, Verdict(holds=covered or None, text=note if covered else late)]


def _summary(record: CallRecord) -> str:
    outputs = list(record.prediction.items())
    said = [f"{name} {amount(value)}" for name, value in outputs[:_OUTPUTS]]
    return ", ".join(said + (["…"] if len(outputs) > _OUTPUTS else []))


def _tokens(record: CallRecord) -> str:
    if not record.input_tokens and not record.output_tokens:
        return ""
    cached = f", {count(record.cached_tokens)} cached" if record.cached_tokens else ""
    return f"{count(record.input_tokens)} in{cached}, {count(record.output_tokens)} out"
