"""Hold feedback to its seals: each row, which one counts, and what was kept apart.

That a batch itself is what the audit log says of it is held where all tables are.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from roadbed.audit.merkle import Frontier, leaf_hash
from roadbed.audit.outbox import logged
from roadbed.core.digest import canonical
from roadbed.core.errors import RoadbedError
from roadbed.evals.feedback_tables import feedback, feedback_batches, feedback_texts
from roadbed.inference.record import commit

SEAL = "feedback.seal"
ERASE = "feedback.erase"
WHOSE = ("call_id", "source", "name", "turn")
_UNSEALED = ("last", "batch", "error")
_AT_ONCE = 500


def problems(connection: sa.Connection) -> list[str]:
    """Return what is wrong with the feedback that was sealed, in words."""
    query = sa.select(feedback_batches).order_by(feedback_batches.c.id)
    batches, erased = connection.execute(query).all(), _erased(connection)
    found = [each for batch in batches for each in _in(connection, batch, erased)]
    return [*found, *_unbatched(connection), *_miscounted(connection)]


def _in(
    connection: sa.Connection, batch: sa.Row[Any], erased: dict[str, int]
) -> Iterator[str]:
    """Say what is wrong within one batch; a row may hold anything by now."""
    rows = in_order(connection, feedback.c.batch == batch.id)
    try:
        if root_of(rows) != batch.root:
            yield f"feedback batch {batch.id}: {_differs(rows, batch)}"
        for row, kept in with_texts(connection, rows):
            yield from _apart(row, kept, erased)
    except (TypeError, ValueError, RoadbedError):
        yield f"feedback batch {batch.id}: a row of it cannot be read"


def root_of(rows: Iterable[sa.RowMapping]) -> str:
    """Return the Merkle root over feedback, in the order of whose it is."""
    leaves = (leaf_hash(canonical(_leaf(row))) for row in rows)
    return Frontier().append(*leaves).root().hex()


def in_order(
    connection: sa.Connection, where: sa.ColumnElement[bool], limit: int | None = None
) -> Sequence[sa.RowMapping]:
    """Return rows in the order in which they are sealed."""
    order = [feedback.c[name] for name in WHOSE]
    query = sa.select(feedback).where(where).order_by(*order).limit(limit)
    return connection.execute(query).mappings().all()


def with_texts(
    connection: sa.Connection, rows: Sequence[sa.RowMapping]
) -> list[tuple[sa.RowMapping, sa.RowMapping | None]]:
    """Return each row with what was kept apart of it."""
    kept: dict[tuple[Any, ...], sa.RowMapping] = {}
    ids = sorted({row["call_id"] for row in rows if row["commit"]})
    for at in range(0, len(ids), _AT_ONCE):
        some = feedback_texts.c.call_id.in_(ids[at : at + _AT_ONCE])
        for row in connection.execute(sa.select(feedback_texts).where(some)).mappings():
            kept[_key(row)] = row
    return [(row, kept.get(_key(row))) for row in rows]


def _key(row: sa.RowMapping) -> tuple[Any, ...]:
    return tuple(row[name] for name in WHOSE)


def _leaf(row: sa.RowMapping) -> dict[str, Any]:
    return {n: v for n, v in row.items() if v is not None and n not in _UNSEALED}


def _differs(rows: Sequence[Any], batch: sa.Row[Any]) -> str:
    if len(rows) != batch.rows:
        return f"it has {len(rows)} rows, but {batch.rows} were sealed"
    ends = {row["call_id"] for row in (*rows[:1], *rows[-1:])}
    calls = " to ".join(sorted(ends))
    return f"a row was edited after it was sealed, among those of call {calls}"


def _apart(
    row: sa.RowMapping, kept: sa.RowMapping | None, erased: dict[str, int]
) -> Iterator[str]:
    """Say what is wrong with the words of one row: edited, or gone unsaid."""
    if not row["commit"]:
        return
    what = f"feedback {row['name']} of call {row['call_id']} from {row['source']}"
    if kept is not None:
        if commit(kept["salt"], kept["said"], "") != row["commit"]:
            yield f"{what}: its words were edited"
    elif erased.get(row["call_id"], -1) < row["at_us"]:
        yield f"{what}: its words are gone, and no audit entry says who erased them"


def _erased(connection: sa.Connection) -> dict[str, int]:
    """Return when words were last erased, by call."""
    found = logged(connection, lambda c: (c.action == ERASE, c.outcome == "done"))
    return {entry.resource.removeprefix("Call/"): entry.at_us for entry in found}


def _unbatched(connection: sa.Connection) -> Iterator[str]:
    """Say which rows name a batch that there is not."""
    known = sa.select(feedback_batches.c.id)
    query = sa.select(feedback.c.batch, sa.func.count()).where(
        feedback.c.batch.is_not(None), feedback.c.batch.not_in(known)
    )
    grouped = query.group_by(feedback.c.batch).order_by(feedback.c.batch)
    for row in connection.execute(grouped):
        yield f"feedback batch {row[0]}: {row[1]} rows name it, but it is not there"


def _miscounted(connection: sa.Connection) -> Iterator[str]:
    """Say of what the last word is not the one that counts."""
    newest = feedback.alias()
    same = [newest.c[name] == feedback.c[name] for name in WHOSE[:3]]
    top = sa.select(sa.func.max(newest.c.turn)).where(*same).scalar_subquery()
    wrong = feedback.c.last != (feedback.c.turn == top)
    columns = [feedback.c[name] for name in WHOSE[:3]]
    query = sa.select(*columns).where(wrong).distinct().order_by(*columns)
    for row in connection.execute(query).mappings():
        yield (
            f"feedback {row['name']} of call {row['call_id']} from {row['source']}: "
            "what counts is not what was said last"
        )
