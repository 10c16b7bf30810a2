"""Which rows are among those of a table? One SELECT, whatever the size of the table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.session import parquet, quoted, sealed
from roadbed.core.errors import Invalid

_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "BOOLEAN", "REAL")


def found(
    files: Sequence[Path],
    alternatives: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Any]],
) -> set[int]:
    """Return the places of *rows* that are there, in any of the *alternatives*."""
    if not rows or not alternatives:
        return set()
    with sealed(files) as session:
        types = {c.name: c.datatype for c in session.describe(parquet(files))}
        unknown = [n for names in alternatives for n in names if n not in types]
        if unknown:
            raise Invalid(f"there is no column {unknown[0]!r}")
        wide = len(rows[0])
        lists = [[_written(row[at]) for row in rows] for at in range(wide)]
        given = ", ".join(f"unnest(?::VARCHAR[]) AS c{at}" for at in range(wide))
        asked = f"SELECT unnest(range({len(rows)})) AS place, {given}"
        parts = (
            f"SELECT asked.place FROM asked JOIN {parquet(files)} AS known ON "
            f"{_key([f'asked.c{at}' for at in range(wide)], names, types)} = "
            f"{_key([f'known.{quoted(n)}' for n in names], names, types)}"
            for names in alternatives
        )
        query = f"WITH asked AS MATERIALIZED ({asked}) {' UNION '.join(parts)}"
        return {place for (place,) in session.run(query, lists)}


def _key(values: Sequence[str], names: Sequence[str], types: dict[str, str]) -> str:
    """Return the SQL of what rows are compared by: text, spelled in one way."""
    spelled = (
        f"coalesce({_spelled(value, types[name])}, '')"
        for value, name in zip(values, names, strict=True)
    )
    return f"concat_ws(chr(31), {', '.join(spelled)})"


def _spelled(value: str, datatype: str) -> str:
    if any(word in datatype for word in _NUMBERS) and not datatype.endswith("]"):
        return f"(try_cast({value} AS DOUBLE) + 0.0)::VARCHAR"
    return f"lower(trim(regexp_replace({value}::VARCHAR, '\\s+', ' ', 'g')))"


def _written(value: Any) -> str | None:
    if value is None:
        return None
    return str(int(value)) if isinstance(value, bool) else str(value)
