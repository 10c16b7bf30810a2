"""Reads the answer of one query from somebody's database, and can do nothing else."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from roadbed.core.errors import Invalid
from roadbed.ports.tables import Stream

_BATCH = 20_000
_ENGINES = ("sqlite", "postgresql")
_SELECT = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:select|with|values)\b", re.I)


@contextmanager
def reading(url: str, sql: str) -> Iterator[Stream]:
    """Yield the rows of *sql*, one SELECT, in batches, from the database at *url*.

    SQLite and PostgreSQL are known. The connection may only read: the engine holds
    it to that. Raises Invalid, without the URL, if the query cannot be answered.
    """
    if not _SELECT.match(sql):
        raise Invalid(
            "the query of a dataset is one SELECT",
            hint="it begins with SELECT, WITH or VALUES",
        )
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            options = {"stream_results": True, "no_parameters": True}
            chosen = connection.execution_options(yield_per=_BATCH, **options)
            answer = chosen.exec_driver_sql(sql)
            if not answer.returns_rows:
                raise Invalid("the query has no rows to give", hint="write a SELECT")
            yield Stream(names=tuple(answer.keys()), batches=_batches(answer))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)
        raise Invalid(
            f"the query cannot be answered: {reason.splitlines()[0][:300]}",
            hint="try it with the database's own client, as the same user",
        ) from None
    finally:
        engine.dispose()


def _batches(answer: sa.CursorResult[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    for rows in answer.partitions(_BATCH):
        yield [[_plain(value) for value in row] for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, memoryview):
        return value.tobytes()
    return str(value) if isinstance(value, UUID) else value


def _engine(text: str) -> sa.Engine:
    """Return an engine whose connections may only read."""
    try:
        url = sa.make_url(text)
        kind = url.get_backend_name()
    except ArgumentError:
        raise Invalid(
            "the address of the database is no URL",
            hint="write sqlite:///path or postgresql://user:password@host/name",
        ) from None
    if kind not in _ENGINES:
        raise Invalid(
            f"queries to {kind} are not known", hint=f"known: {', '.join(_ENGINES)}"
        )
    if kind == "sqlite":
        file = Path(url.database or "")
        if not file.is_file():
            raise Invalid("there is no such SQLite file", hint="give its whole path")
        place = f"file:{quote(str(file.resolve()))}"
        url = url.set(database=place, query={"mode": "ro", "uri": "true"})
        return sa.create_engine(url, poolclass=sa.NullPool)
    readonly = {"options": "-c default_transaction_read_only=on"}
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=sa.NullPool,
        connect_args=readonly,
        execution_options={"postgresql_readonly": True},
    )
