"""Golden sets: the queues of cases to be, from a call to a new version."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control.feedback import BACK_US
from roadbed.control.golden import Gathered, Gatherer, written_in
from roadbed.control.reviewing import Reviewer, must_read, stands
from roadbed.core.errors import Invalid
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.golden import Candidate, Golden, verdict_of
from roadbed.evals.publish import publish as make
from roadbed.evals.review import Label
from roadbed.evals.saying import clean
from roadbed.server.api.datasets import dataset_named
from roadbed.server.routes import Ask, Route

AT_ONCE = 100


class Bounds(BaseModel):
    """A share and the interval that it is known within; None where nobody can say."""

    value: float | None
    low: float | None
    high: float | None


class Standing(BaseModel):
    """How a queue stands: candidates by state, and how far annotators agree.

    Beyond chance that is `kappa` of two of them, `alpha` of more.
    """

    states: dict[str, int]
    agreement: Bounds
    kappa: Bounds | None = None
    alpha: Bounds | None = None
    pairs: int
    annotators: int


class Queue(BaseModel):
    """The queue of one dataset."""

    dataset: str
    standing: Standing


class Queues(BaseModel):
    """The queues that may be worked on."""

    queues: list[Queue]


class CandidateShown(BaseModel):
    """What may become a case. `probability` is how likely it was to be drawn."""

    id: str
    dataset: str
    state: str
    input: Any
    answer: Any
    expected: Any
    tags: list[str]
    cluster: str
    call_id: str
    endpoint: str
    model: str
    reason: str
    probability: float | None
    wanted: int
    at_us: int
    actor: str
    published: str


class Candidates(BaseModel):
    """How a queue stands, and what is in it, oldest first."""

    standing: Standing
    candidates: list[CandidateShown]


class CandidateFilter(BaseModel):
    """Which candidates are wanted; an empty text means any."""

    model_config = ConfigDict(extra="forbid")

    state: str = Field(default="", max_length=40)
    limit: int = Field(default=100, ge=1, le=500)


class Addition(BaseModel):
    """Where cases come from: one of `calls`, `feedback`, `random` and `cases`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    calls: list[str] = Field(
        default_factory=list, max_length=AT_ONCE, description="Ids of calls."
    )
    feedback: str = Field(
        default="",
        max_length=40,
        description="Calls of which feedback says so: thumbs-down, correction, …",
    )
    random: float | None = Field(
        default=None, description="Draw calls by chance, at this rate."
    )
    cases: list[dict[str, Any]] = Field(
        default_factory=list,
        max_length=AT_ONCE,
        description="Cases that you have: input, expected, answer, tags, cluster.",
    )
    endpoint: str = Field(default="", max_length=128)
    since_us: int | None = Field(
        default=None, ge=0, le=2**62, description="By itself thirty days ago."
    )
    limit: int = Field(default=AT_ONCE, ge=1, le=AT_ONCE)
    reason: str = Field(default="", max_length=200)
    double: float = Field(
        default=0.2, ge=0, le=1, description="The share that two are to look at."
    )


class Added(BaseModel):
    """How many are new to the queue, how many were known, and why calls are not."""

    added: int
    known: int
    left_out: dict[str, str]


class After(BaseModel):
    """Which candidate is to be passed over."""

    model_config = ConfigDict(extra="forbid")

    after: str = Field(default="", max_length=80)


class Next(BaseModel):
    """The next candidate to look at, None if none is left."""

    candidate: CandidateShown | None


class Said(BaseModel):
    """What an annotator says. Without `expected`, what was proposed is right."""

    model_config = ConfigDict(extra="forbid")

    verdict: str = Field(
        default="", max_length=40, description="accept, reject or skip."
    )
    expected: Any = None
    note: str = Field(default="", max_length=2000)


class Settled(BaseModel):
    """How the candidate stands now."""

    state: str


class Made(BaseModel):
    """The version that was made, its cases, and how many of them are new."""

    version: str
    rows: int
    added: int


def queues(ask: Ask) -> Queues:
    """List the queues that the caller may work on."""
    names = _reviewer(ask).queues(ask.services.database)
    return Queues(queues=[Queue(dataset=n, standing=_standing(ask, n)) for n in names])


def candidates(ask: Ask) -> Candidates:
    """Show how a queue stands, and those of its candidates that may be read."""
    wanted: CandidateFilter = ask.query
    name = ask.params["dataset"]
    found = _reviewer(ask).candidates(name, wanted.state, wanted.limit)
    return Candidates(
        standing=_standing(ask, name), candidates=list(map(_shown, found))
    )


def add(ask: Ask) -> Added:
    """Put what may become cases into a queue; what was there before is not again."""
    found = _gathered(ask, ask.body)
    drafts, double = found.drafts, ask.body.double
    new = _golden(ask).add(ask.params["dataset"], drafts, ask.actor, double)
    return Added(added=new, known=len(drafts) - new, left_out=found.left_out)


def next_(ask: Ask) -> Next:
    """Return the next candidate; nobody else is shown it for ten minutes."""
    wanted: After = ask.body
    found = _golden(ask).next(ask.params["dataset"], ask.actor, wanted.after)
    if found is None:
        return Next(candidate=None)
    must_read(ask.viewer, found)
    return Next(candidate=_shown(found))


def label(ask: Ask) -> Settled:
    """Keep what an annotator says of a candidate."""
    said: Said = ask.body
    verdict = verdict_of(said.verdict)
    spoken = Label(
        annotator=ask.actor,
        verdict=verdict,
        expected=clean(said.expected),
        note=clean(said.note),
    )
    proposed = "expected" not in said.model_fields_set
    settled = _reviewer(ask).say(
        ask.params["dataset"], ask.params["candidate"], spoken, proposed=proposed
    )
    return Settled(state=settled.state)


def publish(ask: Ask) -> Made:
    """Make a new version: the newest one, and what was accepted since."""
    name = ask.params["dataset"]
    made = make(_golden(ask), ask.services.datasets, name, ask.actor)
    version = made.version
    return Made(version=str(version), rows=version.rows, added=made.added)


def _gathered(ask: Ask, wanted: Addition) -> Gathered:
    ways = [wanted.calls, wanted.feedback, wanted.random is not None, wanted.cases]
    if sum(map(bool, ways)) != 1:
        raise Invalid("say where cases come from: calls, feedback, random or cases")
    if wanted.cases:
        reason = clean(wanted.reason) or "from the API"
        return Gathered(drafts=list(written_in(wanted.cases, reason)))
    services = ask.services
    found = Gatherer(
        viewer=ask.viewer,
        calls=services.calls,
        feedbacks=Feedbacks(services.database, services.now_us),
    )
    since_us = wanted.since_us
    if since_us is None:
        since_us = max(0, services.now_us() - BACK_US)
    if wanted.calls:
        return found.named(wanted.calls, clean(wanted.reason) or "chosen")
    if wanted.feedback:
        return found.spoken_of(wanted.feedback, wanted.endpoint, since_us, wanted.limit)
    return found.drawn(wanted.endpoint, since_us, wanted.random or 0.0, wanted.limit)


def _golden(ask: Ask) -> Golden:
    return Golden(ask.services.database, ask.services.now_us)


def _reviewer(ask: Ask) -> Reviewer:
    return Reviewer(viewer=ask.viewer, golden=_golden(ask))


def _standing(ask: Ask, dataset: str) -> Standing:
    return Standing.model_validate(stands(_golden(ask).standing(dataset)))


def _shown(found: Candidate) -> CandidateShown:
    return CandidateShown(**asdict(found))


_ALL = "/api/v1/golden"
_ONE = f"{_ALL}/{{dataset}}"


def _route(
    method: str, path: str, handler: Any, summary: str, answer: Any, **more: Any
) -> Route:
    found = {"target": "dataset", "locate": dataset_named}
    return Route(
        method=method,
        path=path,
        handler=handler,
        summary=summary,
        answer=answer,
        tag="golden",
        **{"action": "dataset.annotate", **(more if "lists" in more else found | more)},
    )


ROUTES = (
    _route(
        "GET", _ALL, queues, "List the queues of golden sets", Queues, lists="queues"
    ),
    _route(
        "GET",
        _ONE,
        candidates,
        "Show how the queue of a golden set stands, and what is in it",
        Candidates,
        query=CandidateFilter,
    ),
    _route(
        "POST",
        _ONE,
        add,
        "Put what may become cases into a queue",
        Added,
        body=Addition,
    ),
    _route("POST", f"{_ONE}/next", next_, "Claim the next candidate", Next, body=After),
    _route(
        "POST",
        f"{_ONE}/candidates/{{candidate}}/label",
        label,
        "Say what becomes of a candidate",
        Settled,
        body=Said,
    ),
    _route(
        "POST",
        f"{_ONE}/publish",
        publish,
        "Make a new version with what was accepted",
        Made,
        action="dataset.write",
    ),
)
