"""What evaluations hold of a call, and how it goes: answers, grades, online grades.

Figures stay: a report and its rows hold numbers, digests and names of cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.data import lineage
from roadbed.evals.golden_tables import golden_candidates
from roadbed.evals.online_tables import online_grades
from roadbed.evals.running.tables import answers, grades

ERASED = "erased"
_MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Of how many there was something to erase."""

    answers: int = 0
    grades: int = 0
    online: int = 0


def calls_from(connection: sa.Connection, call_id: str) -> list[str]:
    """Return the calls by which evaluations asked again what was asked in a call."""
    table = answers.c
    query = sa.select(table.call_id).where(table.origin == call_id, table.call_id != "")
    return sorted(set(connection.execute(query).scalars()) - {call_id})


def erase_copies(connection: sa.Connection, call_id: str) -> Copies:
    """Erase the answers to cases made of a call, what it answered itself to an
    evaluation, their grades, and the words of its online grades."""
    table = answers.c
    mine = sa.or_(table.call_id == call_id, table.origin == call_id)
    keys = list(connection.execute(sa.select(table.key).where(mine)).scalars())
    graded = 0
    for at in range(0, len(keys), _MOST):
        gone = grades.delete().where(grades.c.answer.in_(keys[at : at + _MOST]))
        graded += connection.execute(gone).rowcount
    connection.execute(answers.delete().where(mine))
    return Copies(answers=len(keys), grades=graded, online=_hush(connection, call_id))


def _hush(connection: sa.Connection, call_id: str) -> int:
    """Take the words from online grades of a call; what they count stays."""
    table = online_grades.c
    said = sa.or_(table.label != "", table.error.not_in(("", ERASED)))
    error = sa.case((table.error == "", ""), else_=ERASED)
    change = online_grades.update().where(table.call_id == call_id, said)
    return connection.execute(change.values(label="", error=error)).rowcount


def held_by(connection: sa.Connection, call_id: str) -> Sequence[str]:
    """Return the dataset versions that a case made of a call is in, and the dataset
    and model versions that were made out of those. They are immutable."""
    table = golden_candidates.c
    query = sa.select(table.published).where(table.call_id == call_id)
    roots = {ref for ref in connection.execute(query).scalars() if ref}
    found = {lineage.dataset(ref) for ref in roots}
    for node in sorted(found):
        found |= {edge.src for edge in lineage.descendants(connection, node)}
    named = (node.partition(":") for node in sorted(found))
    return [f"{kind} {ref}" for kind, _, ref in named if kind != "run"]
