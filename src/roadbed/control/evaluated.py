"""Grades that were made elsewhere, joined to our calls: kept as feedback on them.

They are what somebody says of an answer, not grades that we can stand for: whose
grader it was, and what it was shown, nobody here knows.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from roadbed.control.feedback import BACK_US, Ear
from roadbed.core.errors import Invalid, NotFound, NotReady, RoadbedError
from roadbed.core.ids import split_call_id
from roadbed.evals.otel import EVENT, RESPONSE, Evaluated, Received
from roadbed.evals.saying import MAX_COMMENT, MAX_LABEL, Said, read
from roadbed.gateway.history import CallQuery
from roadbed.inference.record import CallRecord

MOST = 1_000
SEALED_WITHIN_MS = 120_000
"""So long after it was made a call may lie in the spool of another replica."""
_IN_TRACE = 100
_REASONS = 5
_OURS = re.compile(r"(?:chatcmpl-|msg_|resp_|rerank-)?(.+)")
_STRANGE = re.compile(r"[^\w.@:#+/ -]")


class NotSealed(NotReady):
    """A call that nobody knows yet is so new that another replica may hold it."""

    retry_after_s = 30

    def __init__(self) -> None:
        super().__init__(
            "a call is not known yet: calls of other replicas are once they are sealed",
            hint="send all of it again in a minute; what was kept is not kept twice",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How many evaluations were kept, how many were not, and why not."""

    kept: int
    rejected: int
    why: str


class Listener:
    """Takes evaluations of one caller, and finds the calls that they are about."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self._known: dict[tuple[str, ...], CallRecord | RoadbedError] = {}

    def take(self, received: Received) -> Taken:
        """Keep what can be kept; the same again changes nothing.

        Raises NotSealed, with all else kept, if one is of a call that may lie on
        another replica still: whoever sends it is to send it again.
        """
        why: Counter[str] = Counter()
        early: NotSealed | None = None
        for each in received.each[:MOST]:
            try:
                self._keep(each)
            except NotSealed as error:
                early = error
            except RoadbedError as error:
                why[error.message] += 1
        if early is not None:
            raise early
        kept = len(received.each[:MOST]) - sum(why.values())
        why[f"at most {MOST:,} evaluations are taken at once"] = len(
            received.each[MOST:]
        )
        why[f"only events called {EVENT} are taken"] = received.others
        return Taken(kept=kept, rejected=sum(why.values()), why=_told(why))

    def _keep(self, each: Evaluated | Invalid) -> None:
        if isinstance(each, Invalid):
            raise each
        self._ear.keep(self._record(each), _said(each))

    def _record(self, each: Evaluated) -> CallRecord:
        """Return the call that *each* is about; raise NotFound, in vain only once."""
        key = each.response_id, each.trace_id, each.span_id
        if key not in self._known:
            try:
                self._known[key] = self._found(each)
            except RoadbedError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, RoadbedError):
            raise found
        return found

    def _found(self, each: Evaluated) -> CallRecord:
        try:
            return self._looked_up(each)
        except NotFound:
            made_ms = _made_ms(each.response_id)
            if self._ear.viewer.now_us // 1000 - made_ms < SEALED_WITHIN_MS:
                raise NotSealed() from None
            raise

    def _looked_up(self, each: Evaluated) -> CallRecord:
        if each.response_id and (found := self._by_response(each.response_id)):
            return found
        if each.trace_id:
            return self._in_trace(each)
        if each.response_id:
            raise NotFound(f"no call of yours has the {RESPONSE} {each.response_id!r}")
        raise Invalid(f"an evaluation has neither a trace nor a {RESPONSE}")

    def _by_response(self, response_id: str) -> CallRecord | None:
        call_id = _call_id(response_id)
        try:
            split_call_id(call_id)
            return self._ear.calls.find(call_id, self._tenant).record
        except (Invalid, NotFound):
            return None  # The provider's own id, perhaps: the trace tells.

    def _in_trace(self, each: Evaluated) -> CallRecord:
        """Return the call whose span it is, or whose caller's; else the only one."""
        query = CallQuery(
            tenant=self._tenant,
            trace_id=each.trace_id,
            since_us=max(0, self._ear.viewer.now_us - BACK_US),
            limit=_IN_TRACE,
        )
        found = self._ear.calls.search(query)
        for name in ("span_id", "parent_id"):
            near = [
                r for r in found if each.span_id and getattr(r, name) == each.span_id
            ]
            found = near or found
        if len(found) != 1:
            what = "more than one call has" if found else "no call of yours has"
            raise NotFound(f"{what} the trace {each.trace_id} and the span given")
        return found[0]

    @property
    def _tenant(self) -> str:
        return self._ear.viewer.principal.tenant


def _call_id(response_id: str) -> str:
    named = _OURS.fullmatch(response_id[:200])
    return named[1] if named else ""


def _made_ms(response_id: str) -> int:
    """Return when the call was made that is named so, 0 for what is no call's id."""
    try:
        return split_call_id(_call_id(response_id))[1]
    except Invalid:
        return 0


def _said(each: Evaluated) -> Said:
    """Return a grade as feedback; names get `_` for signs that none here has."""
    grade, label = each.grade, each.grade.label[:MAX_LABEL]
    if grade.value is None and not label:
        raise Invalid(f"an evaluation has neither a score nor a label: {grade.error}")
    value = label if grade.value is None else grade.value
    if label and grade.value is not None:
        value = [grade.value, label]
    name = _STRANGE.sub("_", each.name)[:100].strip()
    told = grade.explanation if grade.value is not None else ""
    return read("grade", value, name=name, comment=told[:MAX_COMMENT])


def _told(why: Counter[str]) -> str:
    """Return the most frequent reasons, each with how often it was one."""
    found: Iterable[tuple[str, int]] = (+why).most_common(_REASONS)
    return "; ".join(f"{reason[:200]} ({count})" for reason, count in found)
