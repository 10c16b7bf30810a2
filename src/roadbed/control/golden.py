"""From production to the queue of a golden set: only what the viewer may read."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from roadbed.access.visible import Viewer
from roadbed.control import seen
from roadbed.control.targets import call_target
from roadbed.core.decision import Target
from roadbed.core.errors import Denied, Invalid, NotFound, RoadbedError
from roadbed.evals.feedback import Feedbacks, Wanted
from roadbed.evals.from_call import answer_shown, answered_of, case_of
from roadbed.evals.golden import Candidate, Draft
from roadbed.evals.review import drawn
from roadbed.evals.saying import KINDS
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery, cursor
from roadbed.inference.record import CallRecord

PAGE = 200
_THUMBS = {"thumbs-up": 1.0, "thumbs-down": 0.0}


@dataclass(slots=True)
class Gathered:
    """What was found to be reviewed, and in words what was not and why."""

    drafts: list[Draft] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatherer:
    """Finds calls that may become cases, in the name of one viewer."""

    viewer: Viewer
    calls: CallLog
    feedbacks: Feedbacks

    def named(self, ids: Iterable[str], reason: str) -> Gathered:
        """Return the calls with these ids."""
        return self._gathered((call_id, reason, None) for call_id in ids)

    def spoken_of(
        self, words: str, endpoint: str, since_us: int, limit: int
    ) -> Gathered:
        """Return the newest calls of which feedback says *words*: `thumbs-down`, or a
        kind such as `correction`."""
        kind = "thumbs" if words in _THUMBS else words
        if kind not in KINDS:
            raise Invalid(
                f"{words[:40]!r} is no feedback",
                hint=f"one of {', '.join([*_THUMBS, *KINDS])}",
            )
        wanted = Wanted(
            tenant=self.viewer.principal.tenant,
            endpoint=endpoint,
            kind=kind,
            number=_THUMBS.get(words),
            since_us=since_us,
            limit=limit,
        )
        said = self.feedbacks.search(wanted)
        ids = dict.fromkeys(each.call_id for each in said)
        reason = words.replace("-", " ")
        return self._gathered((call_id, reason, None) for call_id in ids)

    def drawn(self, endpoint: str, since_us: int, rate: float, limit: int) -> Gathered:
        """Return calls of *endpoint* that chance draws, each with probability *rate*.

        Such cases stand for all: what they say of them is not biased by who complains.
        """
        if not 0 < rate <= 1:
            raise Invalid("the rate to draw at is above 0, and at most 1")
        query = CallQuery(
            endpoint=endpoint, status="ok", since_us=since_us, copies=False
        )
        chosen: list[str] = []
        for record in self._records(query):
            if drawn(f"golden {record.call_id}", rate):
                chosen.append(record.call_id)
            if len(chosen) == limit:
                break
        return self._gathered((call_id, "random", rate) for call_id in chosen)

    def _records(self, query: CallQuery) -> Iterator[CallRecord]:
        before = ""
        while True:
            asked = replace(query, limit=PAGE, before=before)
            page = seen.calls(self.viewer, self.calls, asked)
            yield from page
            if len(page) < PAGE:
                return
            before = cursor(page[-1])

    def _gathered(self, wanted: Iterable[tuple[str, str, float | None]]) -> Gathered:
        found = Gathered()
        for call_id, reason, probability in wanted:
            try:
                draft = self._draft(call_id)
            except RoadbedError as error:
                found.left_out[call_id] = error.message
                continue
            drawn_so = {"reason": reason, "probability": probability}
            found.drafts.append(replace(draft, **drawn_so))
        return found

    def _draft(self, call_id: str) -> Draft:
        found = self.calls.find(call_id, self.viewer.principal.tenant)
        record = found.record
        if not self.viewer.may("call.read", call_target(record)):
            raise NotFound(f"no call {call_id} is on record")
        if not self.viewer.may("call.read-payload", call_target(record)):
            raise Denied("you may not read what was said (call.read-payload)")
        truth = self.feedbacks.truths([call_id]).get(call_id)
        case = case_of(found, truth)
        return Draft(
            input=case.input,
            answer=answer_shown(answered_of(found)),
            expected=truth,
            cluster=record.trace_id,
            call_id=call_id,
            endpoint=record.endpoint,
            model=record.model,
        )


def readable(viewer: Viewer, found: Candidate) -> bool:
    """Say whether *viewer* may read what was said in the call that *found* is from."""
    if not found.call_id:
        return True
    model = found.model.partition("@")[0]
    facts = {"endpoint": found.endpoint, "model": model}
    known = {name: value for name, value in facts.items() if value}
    tenant = viewer.principal.tenant
    target = Target(
        kind="Call", name=found.endpoint, attributes={"tenant": tenant, **known}
    )
    return viewer.may("call.read-payload", target)


def written(file: Path, reason: str) -> Iterator[Draft]:
    """Yield the cases that a file of JSON Lines holds; raise Invalid naming the line.

    Each line is an object with `input`, and perhaps `expected`, `answer`, `tags` and
    `cluster`.
    """
    with file.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            if text.strip():
                try:
                    yield _written(json.loads(text), reason)
                except (ValueError, TypeError):
                    raise Invalid(
                        f"{file.name}:{number}: this is no case",
                        hint='one object: {"input": …, "expected": …, "tags": […]}',
                    ) from None


def _written(told: Any, reason: str) -> Draft:
    known = {"input", "expected", "answer", "tags", "cluster"}
    if not isinstance(told, dict) or told.get("input") is None or set(told) - known:
        raise ValueError("no case")
    tags = told.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("no tags")
    return Draft(
        input=told["input"],
        expected=told.get("expected"),
        answer=told.get("answer"),
        tags=tuple(tags),
        cluster=str(told.get("cluster") or ""),
        reason=reason,
    )
