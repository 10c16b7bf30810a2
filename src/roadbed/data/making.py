"""From what a stack says of a dataset to how a version of it is made."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.core.secret import Secret
from roadbed.data.checks import rules_of
from roadbed.data.kinds import Dataset
from roadbed.data.sources import Query, Wish
from roadbed.data.tree import Tree

MASKED = frozenset({"confidential", "restricted"})
"""The classifications of data of which a refusal shows no values."""

Resolve = Callable[[str], Secret]
"""Returns the secret behind a reference; raises NotFound, Invalid or Unavailable."""


def wish_of(
    spec: Dataset, now: datetime, parents: Iterable[str] = (), run_id: str = ""
) -> Wish:
    """Return how a version of a dataset with this *spec* is to be made."""
    return Wish(
        key=tuple(spec.key),
        rules=rules_of(spec.checks, now),
        masked=spec.classification in MASKED,
        parents=tuple(parents),
        run_id=run_id,
    )


def source_of(spec: Dataset | None, given: Any, resolve: Resolve, sql: str = "") -> Any:
    """Return the source that is meant by *given*, a folder being a `Tree`.

    With nothing given it is *sql*, else the declared query, asked of the declared
    database. Raises Invalid if there is none.
    """
    if given is not None and not sql:
        is_path = isinstance(given, str | Path)
        return Tree(Path(given)) if is_path and Path(given).is_dir() else given
    wanted = sql or (spec.query if spec else None)
    if given is not None or not wanted:
        raise Invalid(
            "name one source" if given is not None else "no source is named",
            hint="a file, a folder, or a query; the stack may declare `query`",
        )
    if spec is None or spec.database is None:
        raise Invalid(
            "the dataset declares no database to ask",
            hint="write `database: secret://…` into its spec, and apply",
        )
    return Query(sql=wanted, database=spec.database, url=resolve(spec.database))
