"""Is a model version in production or replaced, since when, and by whom?"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import sqlalchemy as sa

from roadbed.control.answering import How
from roadbed.control.questions.lineage import pinned
from roadbed.control.questions.service import Moment, moments
from roadbed.control.tables import resources
from roadbed.core.clock import to_text
from roadbed.core.reference import VersionRef
from roadbed.data import marks
from roadbed.data.lineage import ancestors, dataset, descendants, model
from roadbed.registry.approvals import list_approvals, withdrawn
from roadbed.registry.versions import get_version, newest_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long a version answered at an endpoint, and by whose doing. Times are UTC µs.

    `how` is `serves`, or `stands by` for one that answers only in need; `until_us` is
    None while it lasts, and then `instead` is empty. `instead` is what serves after it.
    A rollout that nobody touches acts as `system:rollouts`.
    """

    endpoint: str
    stage: str
    how: How
    since_us: int
    by: str
    revision: int
    until_us: int | None = None
    ended_by: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a model version stands: `word` says it in one."""

    version: str
    word: Literal["in service", "stands by", "replaced", "withdrawn", "never served"]
    production: bool
    terms: tuple[Term, ...]
    made_us: int
    made_by: str
    newest: str
    approved_by: tuple[str, ...] = ()
    rests_on_bad: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield it as lines of text."""
        where = ", in production" if self.production else ""
        yield f"{self.version}: {self.word}{where}"
        for term in self.terms:
            yield f"  {term.how} at {term.endpoint} ({term.stage})"
            yield f"    since {to_text(term.since_us)[:19]} by {term.by}"
            if term.until_us is not None:
                until = f"    until {to_text(term.until_us)[:19]} by {term.ended_by}"
                yield until + (f", then {term.instead}" if term.instead else "")
        yield f"  made {to_text(self.made_us)[:19]} by {self.made_by}"
        if self.approved_by:
            yield f"  approved by {', '.join(self.approved_by)}"
        if self.newest != self.version:
            yield f"  the newest version is {self.newest}"
        for bad in self.rests_on_bad:
            yield f"  trained on bad data: {bad}"


def status_of(connection: sa.Connection, ref: VersionRef) -> Status:
    """Return how *ref* stands, from all that endpoints ever served; NotFound."""
    version = get_version(connection, ref)
    terms = tuple(
        term
        for name in _endpoints(connection, ref)
        for term in _terms(connection, name, ref)
    )
    newest = newest_version(connection, ref.name) or version
    return Status(
        version=str(version),
        word=_word(terms, gone=ref in withdrawn(connection)),
        production=any(t.stage == "production" for t in terms if t.until_us is None),
        terms=terms,
        made_us=version.created_us,
        made_by=version.actor,
        newest=str(newest),
        approved_by=tuple(a.approver for a in list_approvals(connection, ref)),
        rests_on_bad=tuple(bad_under(connection, ref)),
    )


def bad_under(connection: sa.Connection, ref: VersionRef) -> list[str]:
    """Return the bad dataset versions that *ref* rests on, each with why it is bad."""
    condemned = {f"dataset:{r}": m for r, m in marks.bad(connection).items()}
    if not condemned:
        return []
    found = {edge.dst for edge in ancestors(connection, model(ref))}
    return [
        f"{condemned[n]}: {condemned[n].reason}" for n in sorted(found & {*condemned})
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condemned:
    """An endpoint that may answer with a version which rests on bad data."""

    endpoint: str
    version: str
    bad: str

    def __str__(self) -> str:
        return (
            f"{self.endpoint} may be answered by {self.version}, which was trained on "
            f"bad data ({self.bad})"
        )


def condemned(
    connection: sa.Connection, pins: Iterable[tuple[str, VersionRef]]
) -> list[Condemned]:
    """Return which of *pins*, endpoints and versions, rest on bad data."""
    resting: dict[str, list[str]] = {}
    for ref, mark in marks.bad(connection).items():
        for edge in descendants(connection, dataset(ref)):
            resting.setdefault(edge.src, []).append(f"{mark}: {mark.reason}")
    return [
        Condemned(endpoint=endpoint, version=str(ref), bad=bad)
        for endpoint, ref in pins
        for bad in dict.fromkeys(resting.get(model(ref), ()))
    ]


def condemned_now(connection: sa.Connection) -> list[Condemned]:
    """Return which endpoints that are live may answer with what rests on bad data."""
    if not marks.bad(connection):
        return []
    live = pinned(connection)
    return condemned(connection, [(n, ref) for ref, ns in live.items() for n in ns])


def _endpoints(connection: sa.Connection, ref: VersionRef) -> list[str]:
    """Return the endpoints of which any revision speaks of *ref*."""
    text = sa.type_coerce(resources.c.content, sa.Text)
    query = (
        sa.select(resources.c.name)
        .where(resources.c.kind == "Endpoint", text.like(f'%"{ref}"%'))
        .distinct()
        .order_by(resources.c.name)
    )
    return list(connection.execute(query).scalars())


def _terms(connection: sa.Connection, name: str, ref: VersionRef) -> Iterator[Term]:
    """Yield the times that *ref* answered at the endpoint, oldest first."""
    begun: Moment | None = None
    for now, after in pairwise([*moments(connection, name), None]):
        assert now is not None
        how = now.ways.get(ref)
        if begun is None or how != begun.ways[ref]:
            begun = now if how else None
        if begun is None or (after is not None and after.ways.get(ref) == how):
            continue
        yield _term(begun, after, ref)
        begun = None


def _term(begun: Moment, after: Moment | None, ref: VersionRef) -> Term:
    ended: dict[str, Any] = {}
    if after is not None:
        instead = str(next(iter(after.ways), ""))
        ended = {"until_us": after.at_us, "ended_by": after.by, "instead": instead}
    return Term(
        endpoint=begun.endpoint,
        stage=begun.stage,
        how=begun.ways[ref],
        since_us=begun.at_us,
        by=begun.by,
        revision=begun.revision,
        **ended,
    )


def _word(terms: tuple[Term, ...], *, gone: bool) -> Any:
    lasting = {term.how for term in terms if term.until_us is None}
    if gone:
        return "withdrawn"
    if lasting:
        return "in service" if "serves" in lasting else "stands by"
    return "replaced" if terms else "never served"
