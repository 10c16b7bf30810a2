"""Where a table is cut into parts: after rows that say so themselves.

Parts of a fixed number of rows would all change when one row comes or goes near the
beginning. Here a part ends after a row whose hash ends in zeros, so to speak, if it
has enough rows by then: after a change the next such row is the same as before, and
the parts from there on are too.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from roadbed.adapters.tables.duckdb.session import Session, quoted
from roadbed.core.errors import Invalid

_LEAST = 4
_MOST = 3


def ends(session: Session, about: int, key: Sequence[str]) -> list[int]:
    """Return after how many rows of the table `source` each part ends.

    A part has *about* so many rows, a quarter of them at least, three times as many
    at most. The hash is of the columns *key*, of all if there are none.
    """
    columns = [column.name for column in session.describe("source")]
    if unknown := [name for name in key if name not in columns]:
        raise Invalid(
            f"there is no column {unknown[0]!r}, which the key names",
            hint=f"the columns are {', '.join(columns)}"[:300],
        )
    least = max(about // _LEAST, 1)
    hashed = ", ".join(map(quoted, key or columns))
    marks = session.run(
        f"SELECT rowid + 1 FROM source "
        f"WHERE hash({hashed}) % {max(about - least, 1)} = 0 ORDER BY rowid"
    )
    total = session.run("SELECT count(*) FROM source")[0][0]
    return list(_ends([mark for (mark,) in marks], total, least, about * _MOST))


def _ends(marks: Sequence[int], total: int, least: int, most: int) -> Iterator[int]:
    start = 0
    while total - start > least:
        at = bisect_left(marks, start + least)
        end = min(marks[at] if at < len(marks) else total, start + most, total)
        yield end
        start = end
    if start < total or not total:
        yield total
