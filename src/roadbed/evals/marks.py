"""How far online grading is, and which replica does it at the moment."""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.database.upsert import insert_new
from roadbed.evals.online_tables import online_marks
from roadbed.gateway.segments import newest_place

LEASE_US = 600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is done: calls sealed up to that place in the audit log, and feedback that
    was given until then."""

    place: int
    said_us: int


def hold(database: Database, name: str, holder: str, now_us: int) -> Mark | None:
    """Take the lease of an evaluation; None while another replica has it.

    What was sealed before the evaluation first came here is not graded.
    """
    table = online_marks.c
    with database.write() as connection:
        first = {
            "evaluation": name,
            "holder": "",
            "until_us": 0,
            "place": newest_place(connection),
            "said_us": now_us,
        }
        insert_new(connection, online_marks, first)
        mine = sa.or_(table.holder == holder, table.until_us < now_us)
        change = online_marks.update().where(table.evaluation == name, mine)
        taken = change.values(holder=holder, until_us=now_us + LEASE_US)
        if connection.execute(taken).rowcount != 1:
            return None
        query = sa.select(table.place, table.said_us)
        row = connection.execute(query.where(table.evaluation == name)).one()
    return Mark(place=row.place, said_us=row.said_us)


def move(database: Database, name: str, holder: str, done: Mark) -> None:
    """Write down what is done, and let the lease go."""
    table = online_marks.c
    mine = sa.and_(table.evaluation == name, table.holder == holder)
    change = online_marks.update().where(mine)
    with database.write() as connection:
        connection.execute(
            change.values(place=done.place, said_us=done.said_us, until_us=0)
        )
