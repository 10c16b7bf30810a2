"""What people say of dataset versions after the fact: that one is bad, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data.tables import dataset_marks, dataset_versions

ACTION = "dataset.mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One person's word on one version, which its digest names. Time is UTC µs."""

    name: str
    number: int
    bad: bool
    digest: str
    reason: str
    actor: str
    at_us: int

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody wants to say of a version."""

    bad: bool
    reason: str
    actor: str


def mark(connection: sa.Connection, ref: VersionRef, said: Said, now_us: int) -> Mark:
    """Record what is *said* of *ref*, in the log too, and return it.

    Nothing is deleted or blocked by it: it is a warning to whoever serves models
    trained on the version. Raises NotFound, Invalid without a reason.
    """
    if not said.reason.strip():
        raise Invalid("say why, for whoever reads it later", hint="--reason TEXT")
    hold(connection)
    query = sa.select(dataset_versions.c.digest).where(
        dataset_versions.c.name == ref.name, dataset_versions.c.number == ref.number
    )
    digest = connection.execute(query).scalar()
    if digest is None:
        raise NotFound(f"there is no dataset version {ref}")
    last = max((m.at_us for m in history(connection, ref)), default=0)
    made = Mark(
        name=ref.name,
        number=ref.number,
        bad=said.bad,
        digest=digest,
        reason=said.reason,
        actor=said.actor,
        at_us=max(now_us, last + 1),
    )
    connection.execute(dataset_marks.insert().values(**asdict(made)))
    append(connection, made.at_us, _entry(made))
    return made


def history(connection: sa.Connection, ref: VersionRef) -> list[Mark]:
    """Return all that was said of *ref*, oldest first."""
    query = (
        sa.select(dataset_marks)
        .where(dataset_marks.c.name == ref.name, dataset_marks.c.number == ref.number)
        .order_by(dataset_marks.c.at_us)
    )
    return [Mark(**row) for row in connection.execute(query).mappings()]


def bad(connection: sa.Connection, names: Iterable[str] = ()) -> dict[VersionRef, Mark]:
    """Return the versions that are bad by the last word on them, of *names* or all."""
    query = sa.select(dataset_marks).order_by(dataset_marks.c.at_us)
    chosen = list(names)
    if chosen:
        query = query.where(dataset_marks.c.name.in_(chosen))
    last = {}
    for row in connection.execute(query).mappings():
        said = Mark(**row)
        last[VersionRef(said.name, said.number)] = said
    return {ref: said for ref, said in last.items() if said.bad}


def newest_good(connection: sa.Connection, name: str) -> VersionRef:
    """Return the newest version of *name* that nobody called bad; raise NotFound."""
    query = (
        sa.select(dataset_versions.c.number)
        .where(dataset_versions.c.name == name)
        .order_by(dataset_versions.c.number.desc())
    )
    condemned = bad(connection, [name])
    for number in connection.execute(query).scalars():
        if VersionRef(name, number) not in condemned:
            return VersionRef(name, number)
    raise NotFound(
        f"dataset {name!r} has no good version",
        hint="make one, or take back what was said: `roadbed dataset mark --good`",
    )


def _entry(made: Mark) -> Entry:
    detail = {
        "version": made.number,
        "digest": made.digest,
        "bad": made.bad,
        "reason": made.reason,
    }
    return Entry(made.actor, ACTION, f"Dataset/{made.name}", detail=detail)
