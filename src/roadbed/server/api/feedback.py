"""Feedback: what people and the world said of calls."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.feedback import Ear, Heard, Spoken, find_said, hushed, shown
from roadbed.control.targets import find_call
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.evals.feedback import Feedback, Feedbacks, Wanted
from roadbed.evals.golden import Golden
from roadbed.gateway.reuse.keys import Keys
from roadbed.server.routes import Ask, Route

AT_ONCE = 100


class Saying(BaseModel):
    """What goes with what is said: what it is called, by whom, and words."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        default="", description="Tells apart what one source says; else the kind."
    )
    source: str = Field(
        default="",
        description="Who says it, as a pseudonym of yours; else the caller.",
    )
    comment: str = ""


class FeedbackIn(Saying):
    """What is said of one call; `kind` and `value` are needed."""

    kind: str = Field(
        default="",
        max_length=40,
        description="thumbs, score, correction, label, outcome or grade.",
    )
    value: Any = Field(
        default=None,
        description="up or down; a number; a short text; what the answer should have "
        "been; what turned out true, as a list for several rows; a number or a text.",
    )


class FeedbackOf(Saying):
    """What is said, and of which call: by its id, or by the trace or the key it came
    with."""

    kind: str = Field(min_length=1, max_length=40)
    value: Any
    call: str = ""
    trace: str = Field(default="", max_length=64)
    idempotency_key: str = Field(default="", max_length=255)


class Several(BaseModel):
    """Feedback of several calls."""

    model_config = ConfigDict(extra="forbid")

    feedback: list[FeedbackOf] = Field(min_length=1, max_length=AT_ONCE)


class Kept(BaseModel):
    """What became of it. `new` is false for what was said before, word for word."""

    call_id: str
    new: bool


class Result(Kept):
    """What became of one of several; `error` says why it was not kept."""

    error: str
    hint: str


class Results(BaseModel):
    """What became of each, in the order they came in."""

    results: list[Result]


class FeedbackShown(BaseModel):
    """Feedback; `value` and `comment` are for those who may read payloads."""

    call_id: str
    source: str
    name: str
    turn: int
    kind: str
    number: float | None
    label: str | None
    value: Any
    comment: str
    erased: bool
    endpoint: str
    model: str
    at_us: int
    actor: str


class FeedbackList(BaseModel):
    """Feedback: of one call the oldest first, of many the newest first."""

    feedback: list[FeedbackShown]


class FeedbackFilter(BaseModel):
    """Which feedback is wanted; an empty text means any."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = ""
    kind: str = ""
    number: float | None = Field(
        default=None, description="Of thumbs: 0 is down, 1 is up."
    )
    since_us: int = Field(default=0, ge=0, le=2**62)
    limit: int = Field(default=100, ge=1, le=500)


class Because(BaseModel):
    """Why something is erased."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=400)


class Erased(BaseModel):
    """Of how many there was anything to erase."""

    erased: int


def give(ask: Ask) -> Kept:
    """Keep what is said of a call."""
    said: FeedbackIn = ask.body
    heard = _ear(ask).hear(Spoken(call=ask.params["call"], **said.model_dump()))
    return Kept(call_id=heard.call_id, new=heard.new)


def give_several(ask: Ask) -> Results:
    """Keep what is said of several calls, each by itself."""
    said: Several = ask.body
    heard = _ear(ask).hear_all(Spoken(**each.model_dump()) for each in said.feedback)
    return Results(results=[_result(each) for each in heard])


def of_call(ask: Ask) -> FeedbackList:
    """Show what was said of a call."""
    call_id = ask.params["call"]
    record = ask.services.calls.find(call_id, ask.tenant).record
    said = shown(ask.viewer, record, _feedbacks(ask).of(call_id))
    return FeedbackList(feedback=[_shown(each) for each in said])


def search(ask: Ask) -> FeedbackList:
    """List feedback."""
    wanted: FeedbackFilter = ask.query
    found = _feedbacks(ask).search(Wanted(tenant=ask.tenant, **wanted.model_dump()))
    seen = ask.viewer.only("call.read", found, _target)
    may = {id(f) for f in ask.viewer.only("call.read-payload", seen, _target)}
    return FeedbackList(
        feedback=[_shown(f if id(f) in may else hushed(f)) for f in seen]
    )


def erase(ask: Ask) -> Erased:
    """Erase the words that were said of a call."""
    because: Because = ask.body
    if not because.reason.strip():
        raise Invalid("say why, as `reason`: it goes on the audit log")
    gone = _feedbacks(ask).erase(ask.params["call"], because.reason, ask.actor)
    Golden(ask.services.database, ask.services.now_us).erase(ask.params["call"])
    return Erased(erased=gone)


def said_of(ask: Ask) -> Target | None:
    """Find a call of the caller's tenant, to speak of."""
    return find_said(ask.services.calls, ask.params["call"], ask.tenant)


def call_named(ask: Ask) -> Target | None:
    """Find a call of the caller's tenant."""
    return find_call(ask.services.calls, ask.params["call"], ask.tenant)


def _ear(ask: Ask) -> Ear:
    services = ask.services
    return Ear(
        viewer=ask.viewer,
        calls=services.calls,
        feedbacks=_feedbacks(ask),
        keys=Keys(services.database, services.now_us),
    )


def _feedbacks(ask: Ask) -> Feedbacks:
    return Feedbacks(ask.services.database, ask.services.now_us)


def _result(heard: Heard) -> Result:
    return Result(**asdict(heard))


def _shown(said: Feedback) -> FeedbackShown:
    return FeedbackShown(
        **{name: getattr(said, name) for name in FeedbackShown.model_fields}
    )


def _target(said: Feedback) -> Target:
    model = said.model.partition("@")[0]
    known = {"endpoint": said.endpoint, **({"model": model} if model else {})}
    return Target(
        kind="Call", name=said.endpoint, attributes={"tenant": said.tenant, **known}
    )


_ONE = "/api/v1/calls/{call}/feedback"
_ALL = "/api/v1/feedback"
ROUTES = (
    Route(
        method="POST",
        path=_ONE,
        action="call.feedback",
        handler=give,
        summary="Say how an answer was, or what turned out true",
        answer=Kept,
        body=FeedbackIn,
        target="call",
        locate=said_of,
        tag="feedback",
    ),
    Route(
        method="GET",
        path=_ONE,
        action="call.read",
        handler=of_call,
        summary="Show what was said of a call",
        answer=FeedbackList,
        target="call",
        locate=call_named,
        tag="feedback",
    ),
    Route(
        method="POST",
        path=f"{_ONE}/erase",
        action="call.erase",
        handler=erase,
        summary="Erase the words that were said of a call",
        answer=Erased,
        body=Because,
        target="call",
        locate=call_named,
        tag="feedback",
    ),
    Route(
        method="POST",
        path=_ALL,
        action="call.feedback",
        handler=give_several,
        summary="Say something of several calls",
        answer=Results,
        body=Several,
        tag="feedback",
    ),
    Route(
        method="GET",
        path=_ALL,
        action="call.read",
        handler=search,
        summary="List feedback, newest first",
        answer=FeedbackList,
        query=FeedbackFilter,
        lists="feedback",
        tag="feedback",
    ),
)
