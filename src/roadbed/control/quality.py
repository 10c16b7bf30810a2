"""What is known of an endpoint's answers in production: by grading, and by feedback."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import ValidationError

from roadbed.control.state import current_resources
from roadbed.core.resource import tenant_of
from roadbed.evals.feedback_tables import feedback
from roadbed.evals.kinds import Evaluation
from roadbed.evals.online import Live, grades
from roadbed.evals.quality import Graded, Quality, estimate, quality

THUMBS = "feedback: thumbs"
"""How the share of thumbs up is called; only those who said something are in it."""
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointQuality:
    """Quality over time, and of the whole stretch, by grader and version.

    `corrections` counts the calls of which somebody said what would have been right.
    """

    endpoint: str
    since_us: int
    until_us: int
    step_us: int
    steps: tuple[Quality, ...]
    whole: tuple[Quality, ...]
    corrections: int = 0


def live_evaluations(connection: sa.Connection) -> list[Live]:
    """Return the evaluations that are declared now and can be read."""
    return list(_live(connection))


def _live(connection: sa.Connection) -> Iterator[Live]:
    for found in current_resources(connection).of(Evaluation.kind):
        try:
            spec = Evaluation.model_validate(found.content["spec"])
        except ValidationError:
            continue  # Declared under other rules; a plan says what is wrong with it.
        yield Live(name=found.name, tenant=tenant_of(found.content), spec=spec)


def quality_of(
    connection: sa.Connection,
    tenant: str,
    endpoint: str,
    span: tuple[int, int],
    step_us: int = DAY_US,
) -> EndpointQuality:
    """Return the quality of an endpoint's answers between two moments, in steps."""
    since_us, until_us = span
    rows = [*grades(connection, tenant, endpoint, since_us)]
    rows += _thumbs(connection, tenant, endpoint, since_us)
    rows = [row for row in rows if row.called_us < until_us]
    return EndpointQuality(
        endpoint=endpoint,
        since_us=since_us,
        until_us=until_us,
        step_us=step_us,
        steps=tuple(quality(rows, step_us)),
        whole=tuple(_whole(rows, since_us, until_us)),
        corrections=_corrections(connection, tenant, endpoint, since_us),
    )


def _whole(rows: Iterable[Graded], since_us: int, until_us: int) -> Iterator[Quality]:
    groups: dict[tuple[str, str], list[Graded]] = {}
    for row in rows:
        groups.setdefault((row.grader, row.model), []).append(row)
    for (grader, model), found in sorted(groups.items()):
        yield Quality(
            grader=grader,
            model=model,
            since_us=since_us,
            until_us=until_us,
            estimate=estimate(found),
        )


def _thumbs(
    connection: sa.Connection, tenant: str, endpoint: str, since_us: int
) -> list[Graded]:
    table = feedback.c
    query = sa.select(table.model, table.called_us, table.number).where(
        table.endpoint == endpoint,
        table.tenant == tenant,
        table.called_us >= since_us,
        table.kind == "thumbs",
        table.last,
    )
    return [
        Graded(
            grader=THUMBS,
            model=row.model,
            called_us=row.called_us,
            value=row.number,
            probability=1.0,
        )
        for row in connection.execute(query)
    ]


def _corrections(
    connection: sa.Connection, tenant: str, endpoint: str, since_us: int
) -> int:
    table = feedback.c
    query = sa.select(sa.func.count(sa.distinct(table.call_id))).where(
        table.endpoint == endpoint,
        table.tenant == tenant,
        table.called_us >= since_us,
        table.kind == "correction",
        table.last,
    )
    return connection.execute(query).scalar_one()
