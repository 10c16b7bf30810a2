"""Decides again what was decided before, under other policies, and lists the flips.

What is on record is who acted, how, and on what. Roles and lists are those of now,
or of the candidate: the question is what a change would do to the same requests.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roadbed.access.actions import ACTIONS, ANY
from roadbed.audit.entry import Recorded
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.control.governance.rulebook import Rulebook
from roadbed.core.errors import Invalid
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery
from roadbed.inference.call import UNNAMED

_PAGE = 1_000
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """One question of the past: who did what to which target (`Kind/name`)."""

    who: str
    action: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A question that the candidate answers otherwise, and how often it was asked."""

    who: str
    action: str
    target: str
    times: int
    live: str
    candidate: str
    decided_by: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it. `unknown` were asked by people whom neither side knows now.

    `ungrouped` were asked by people: their groups are not on record, so what
    Bindings give to groups is left out on both sides.
    """

    asked: int
    different: int
    flips: list[Flip]
    unknown: int
    ungrouped: int


def seconds_of(text: str) -> int:
    """Return the length of time that *text* says, such as 7d; raise Invalid."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", text)
    if match is None:
        raise Invalid(
            f"{text!r} is no length of time",
            hint="write a number and s, m, h, d or w, such as 7d",
        )
    return int(match[1]) * _UNITS[match[2]]


def replay(live: Rulebook, candidate: Rulebook, asked: Iterable[Asked]) -> Replayed:
    """Decide each of *asked* by *live* and by *candidate*, and compare."""
    counted = Counter(asked)
    flips: list[Flip] = []
    unknown = ungrouped = 0
    for question in sorted(counted):
        times = counted[question]
        before, _ = _decide(live, question)
        after, reasons = _decide(candidate, question)
        unknown += times if before is after is None else 0
        ungrouped += times if question.who.startswith("user:") else 0
        if bool(before) != bool(after):
            flips.append(
                Flip(
                    who=question.who,
                    action=question.action,
                    target=question.target,
                    times=times,
                    live="allow" if before else "deny",
                    candidate="allow" if after else "deny",
                    decided_by=list(reasons),
                )
            )
    return Replayed(
        asked=counted.total(),
        different=len(counted),
        flips=flips,
        unknown=unknown,
        ungrouped=ungrouped,
    )


def recorded(calls: CallLog, audit: AuditLog, since_us: int) -> Iterator[Asked]:
    """Yield every call since *since_us*, and every audited act of a known action."""
    before = ""
    while True:
        query = CallQuery(since_us=since_us, before=before, limit=_PAGE, copies=False)
        page = calls.search(query)
        for record in page:
            named = record.principal and record.endpoint != UNNAMED
            if named:
                target = f"Endpoint/{record.endpoint}"
                yield Asked(record.principal, "endpoint.infer", target)
        if len(page) < _PAGE:
            break
        before = page[-1].call_id
    yield from _audited(audit, since_us)


def _audited(audit: AuditLog, since_us: int) -> Iterator[Asked]:
    before: int | None = None
    while True:
        page = audit.search(AuditQuery(before_seq=before, limit=_PAGE))
        for entry in page:
            if entry.at_us < since_us:
                return
            if entry.action in ACTIONS and entry.action != "endpoint.infer":
                yield Asked(entry.actor, entry.action, _target(entry))
        if len(page) < _PAGE:
            return
        before = page[-1].seq


def _target(entry: Recorded) -> str:
    """Return what was decided upon: an entry may speak of what came of it."""
    kind, _, name = entry.resource.partition("/")
    wanted = ACTIONS[entry.action].kind
    return entry.resource if kind == wanted and name else f"{wanted}/{ANY}"


def _decide(book: Rulebook, asked: Asked) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether it is allowed, None if nobody is called so, and the reasons."""
    principal = book.principal(asked.who)
    if principal is None:
        return None, ("nobody is called so",)
    try:
        questions = book.questions(asked.action, asked.target)
    except Invalid as error:
        return False, (error.message,)
    _, decision = book.decide(principal, questions)
    return decision.allowed, decision.reasons
