"""The call log: what was asked, how it ended, where the answer came from."""

from dataclasses import asdict
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, create_model

from roadbed.control import seen
from roadbed.control.erasing import Because, Eraser
from roadbed.control.targets import call_target, find_call
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, NotFound
from roadbed.gateway.history import CallQuery, Span, cursor
from roadbed.gateway.series import Point
from roadbed.inference.record import CallRecord
from roadbed.server.routes import Ask, Route

_HOUR_US = 3_600_000_000
MAX_STEPS = 2_000


class CallFilter(BaseModel):
    """Which calls are wanted; an empty text means any."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = ""
    model: str = Field(default="", description="`name@number`, or a name.")
    status: str = ""
    principal: str = ""
    kind: str = ""
    rollout: str = Field(default="", description="Its id, as a call's record has it.")
    arm: str = Field(default="", description="`old` or `new`, `placed-…`, `first-…`.")
    since_us: int | None = Field(default=None, ge=0, le=2**62)
    until_us: int | None = Field(default=None, ge=0, le=2**62)
    before: str = Field(default="", description="A call id, or what `before` said.")
    limit: int = Field(default=50, ge=1, le=500)


class SeriesFilter(BaseModel):
    """A stretch of time and the length of its steps."""

    model_config = ConfigDict(extra="forbid")

    since_us: int = Field(ge=0, le=2**62)
    until_us: int = Field(ge=0, le=2**62)
    step_us: int = Field(default=_HOUR_US, ge=1_000_000, le=2**50)


_FIELDS: Any = {f.name: (f.type, ...) for f in msgspec.structs.fields(CallRecord)}
Record = create_model("CallRecord", __doc__=CallRecord.__doc__, **_FIELDS)
"""One line of the call log, as the schema shows it."""


class CallsPage(BaseModel):
    """Calls, newest first; `before` continues the list, if there may be more."""

    calls: list[Record]  # pyright: ignore[reportInvalidTypeForm]
    before: str | None = None


class CallShown(BaseModel):
    """One call, and the segment it is sealed in, if it is."""

    record: Record  # pyright: ignore[reportInvalidTypeForm]
    segment: str | None
    payload_kept: bool


class Bodies(BaseModel):
    """What was asked and answered, as JSON texts, with the salt of the commitment."""

    call_id: str
    salt: str
    request: str
    response: str


class Why(BaseModel):
    """The chain of custody, the answer first.

    `explanation` shows values that were asked about: only for those who may read
    payloads.
    """

    call_id: str
    hops: list[dict[str, Any]]
    explanation: dict[str, Any] | None
    notes: list[str]


class Proof(BaseModel):
    """The way from a call's leaf to the Merkle root in the audit log, in hex."""

    record: Record  # pyright: ignore[reportInvalidTypeForm]
    segment: str
    index: int
    size: int
    path: list[str]
    root: str
    audit_seq: int
    holds: bool


class Series(BaseModel):
    """Calls, errors and latencies by endpoint and step."""

    points: list[Point]


class ErasedBecause(BaseModel):
    """Why what was said in a call is erased; it goes on the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=400)


class ErasedShown(BaseModel):
    """What went, and what still holds some of it.

    `payloads` are the calls whose question and answer went: this one, and those by
    which evaluations asked the same again. `held_by` are versions of datasets and
    models, which are immutable.
    """

    call_id: str
    payloads: list[str]
    words: int
    candidates: int
    answers: int
    grades: int
    online: int
    held_by: list[str]


def calls(ask: Ask) -> CallsPage:
    """List calls."""
    wanted: CallFilter = ask.query
    query = CallQuery(**wanted.model_dump())
    found = seen.calls(ask.viewer, ask.services.calls, query)
    more = cursor(found[-1]) if len(found) == wanted.limit else None
    return CallsPage(calls=[_plain(r) for r in found], before=more)


def call(ask: Ask) -> CallShown:
    """Show one call."""
    found = ask.services.calls.find(ask.params["call"])
    return CallShown(
        record=_plain(found.record),
        segment=found.segment.id if found.segment else None,
        payload_kept=found.payload is not None,
    )


def payload(ask: Ask) -> Bodies:
    """Show what was asked and answered."""
    found = ask.services.calls.find(ask.params["call"])
    if found.payload is None:
        raise NotFound(
            "what was said in this call was not kept",
            hint="the endpoint's keep_payloads decides, or it was erased",
        )
    kept = found.payload
    return Bodies(
        call_id=kept.call_id,
        salt=kept.salt,
        request=kept.request,
        response=kept.response,
    )


def why(ask: Ask) -> Why:
    """Show where an answer came from."""
    call_id = ask.params["call"]
    whole = ask.services.why(call_id)
    with ask.services.database.read() as connection:
        chain = seen.chain(ask.viewer, connection, whole).to_json()
    read = call_target(ask.services.calls.find(call_id).record)
    if not ask.viewer.may("call.read-payload", read):
        chain["explanation"] = None
    return Why(**chain)


def prove(ask: Ask) -> Proof:
    """Prove that a call is in the log."""
    proof = ask.services.calls.prove(ask.params["call"])
    plain = {
        "segment": proof.segment,
        "index": proof.index,
        "size": proof.size,
        "path": list(proof.path),
        "root": proof.root,
        "audit_seq": proof.audit_seq,
    }
    return Proof(**plain, record=_plain(proof.record), holds=proof.holds())


def erase(ask: Ask) -> ErasedShown:
    """Erase what was said in a call and about it, and the copies of it."""
    because: ErasedBecause = ask.body
    services = ask.services
    eraser = Eraser(database=services.database, calls=services.calls)
    why_ = Because(reason=because.reason, actor=ask.actor, at_us=services.now_us())
    return ErasedShown(**asdict(eraser.erase(ask.params["call"], why_)))


def series(ask: Ask) -> Series:
    """Count calls over time."""
    wanted: SeriesFilter = ask.query
    if wanted.until_us - wanted.since_us > wanted.step_us * MAX_STEPS:
        raise Invalid(
            f"a series has at most {MAX_STEPS} steps", hint="ask for longer steps"
        )
    span = Span(
        since_us=wanted.since_us,
        until_us=wanted.until_us,
        step_us=wanted.step_us,
    )
    return Series(points=seen.series(ask.viewer, ask.services.calls, span))


def call_named(ask: Ask) -> Target | None:
    """Find a call of the caller's tenant."""
    return find_call(ask.services.calls, ask.params["call"], ask.tenant)


def _plain(record: CallRecord) -> Any:
    return Record.model_validate(msgspec.to_builtins(record))


_ONE = "/api/v1/calls/{call}"
ROUTES = (
    Route(
        method="GET",
        path="/api/v1/calls",
        action="call.read",
        handler=calls,
        summary="List calls, newest first",
        answer=CallsPage,
        lists="calls",
        query=CallFilter,
        tag="calls",
    ),
    Route(
        method="GET",
        path=_ONE,
        action="call.read",
        handler=call,
        summary="Show one call",
        answer=CallShown,
        target="call",
        locate=call_named,
        tag="calls",
    ),
    Route(
        method="GET",
        path=f"{_ONE}/payload",
        action="call.read-payload",
        handler=payload,
        summary="Show what was asked and answered",
        answer=Bodies,
        target="call",
        locate=call_named,
        tag="calls",
    ),
    Route(
        method="GET",
        path=f"{_ONE}/why",
        action="call.read",
        handler=why,
        summary="Show where an answer came from",
        answer=Why,
        target="call",
        locate=call_named,
        tag="calls",
    ),
    Route(
        method="GET",
        path=f"{_ONE}/proof",
        action="call.read",
        handler=prove,
        summary="Prove that a call is in the log",
        answer=Proof,
        target="call",
        locate=call_named,
        tag="calls",
    ),
    Route(
        method="POST",
        path=f"{_ONE}/erase",
        action="call.erase",
        handler=erase,
        summary="Erase what was said in a call, and the copies of it",
        answer=ErasedShown,
        body=ErasedBecause,
        target="call",
        locate=call_named,
        tag="calls",
    ),
    Route(
        method="GET",
        path="/api/v1/series",
        action="call.read",
        handler=series,
        summary="Count calls over time",
        answer=Series,
        lists="points",
        query=SeriesFilter,
        tag="calls",
    ),
)
