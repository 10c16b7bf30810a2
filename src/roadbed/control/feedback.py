"""Who may say what of which call: for the API, the command line and notebooks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from roadbed.access.authorize import denial
from roadbed.access.visible import Viewer
from roadbed.control.targets import call_target
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, NotFound, RoadbedError
from roadbed.evals.feedback import Feedback, Feedbacks
from roadbed.evals.saying import Said, read, word
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery
from roadbed.inference.record import MIRRORED, CallRecord

ACTION = "call.feedback"
_BACK_US = 30 * 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What somebody sends: of which call, and what they say of it.

    The call is named by its id, or by the `trace` id that the caller sent with it,
    if one call of the last thirty days has it. An empty `source` is who sends it.
    """

    call: str = ""
    trace: str = ""
    kind: str
    value: Any
    name: str = ""
    source: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of it: the call, and whether it is new; else `error` says why not."""

    call_id: str = ""
    new: bool = False
    error: str = ""
    hint: str = ""


def feedback_target(record: CallRecord) -> Target:
    """Return a call as a target that also says whose it is."""
    plain = call_target(record)
    whose = record.principal.partition(" (")[0] or "nobody"
    return replace(plain, attributes={**plain.attributes, "account": whose})


def find_said(log: CallLog, call_id: str, tenant: str) -> Target | None:
    """Return a call of *tenant* as a target for feedback, or None."""
    try:
        return feedback_target(log.find(call_id, tenant).record)
    except NotFound:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """Hears what one viewer says, of the calls that they may speak of."""

    viewer: Viewer
    calls: CallLog
    feedbacks: Feedbacks

    def hear(self, spoken: Spoken) -> Heard:
        """Keep what was said; raise Invalid, NotFound or Denied."""
        said = read(spoken.kind, spoken.value, name=spoken.name, comment=spoken.comment)
        who = self.viewer.principal
        source = word(spoken.source, "source") if spoken.source else str(who)[:100]
        record = self._record(spoken)
        self._may(record)
        _fits(said, record)
        if record.arm == MIRRORED:
            raise Invalid(
                f"call {record.call_id} is a copy of another; nobody had its answer",
                hint="name the call that was answered: its label `mirrors`",
            )
        new = self.feedbacks.give(record, said, source, who.chain)
        return Heard(call_id=record.call_id, new=new)

    def hear_all(self, spoken: Iterable[Spoken]) -> list[Heard]:
        """Keep each that can be kept, and say of the others why not."""
        heard: list[Heard] = []
        for each in spoken:
            try:
                heard.append(self.hear(each))
            except RoadbedError as error:
                told = Heard(call_id=each.call, error=error.message, hint=error.hint)
                heard.append(told)
        return heard

    def _record(self, spoken: Spoken) -> CallRecord:
        tenant = self.viewer.principal.tenant
        if bool(spoken.call) == bool(spoken.trace):
            raise Invalid("name the call by its id, or by its trace")
        if spoken.call:
            return self.calls.find(spoken.call, tenant).record
        since_us = max(0, self.viewer.now_us - _BACK_US)
        query = CallQuery(
            tenant=tenant,
            trace_id=spoken.trace,
            since_us=since_us,
            limit=2,
            copies=False,
        )
        found = self.calls.search(query)
        if len(found) != 1:
            what = "more than one call has" if found else "no call has"
            raise NotFound(
                f"{what} the trace {spoken.trace[:64]!r}",
                hint="name the call by the id in the header x-roadbed-call",
            )
        return found[0]

    def _may(self, record: CallRecord) -> None:
        target = feedback_target(record)
        decision = self.viewer.decide(ACTION, target)
        if not decision.allowed:
            raise denial(self.viewer.principal, ACTION, target, decision)


def _fits(said: Said, record: CallRecord) -> None:
    """Raise Invalid for a list of outcomes that is not one for each row."""
    value = said.apart.get("value")
    if said.kind != "outcome" or not isinstance(value, list) or not record.rows:
        return
    if len(value) != record.rows:
        raise Invalid(f"the call has {record.rows} rows, not {len(value)}")


def shown(viewer: Viewer, record: CallRecord, said: Iterable[Feedback]) -> list[Any]:
    """Return feedback as the viewer may see it: words are for readers of payloads."""
    may = viewer.may("call.read-payload", call_target(record))
    return [each if may else hushed(each) for each in said]


def hushed(said: Feedback) -> Feedback:
    """Return feedback without what may tell of a person."""
    return replace(said, value=None, comment="")
