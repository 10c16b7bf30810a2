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
from roadbed.evals.quality import (
    Gap,
    Graded,
    Quality,
    estimate,
    gap,
    quality,
    reported,
)
from roadbed.evals.reports.store import newest_on

THUMBS = "feedback: thumbs"
"""How the share of thumbs up is called; only those who said something are in it."""
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointQuality:
    """Quality over time, and of the whole stretch, by grader and version.

    `gaps` hold production against the newest report of each version. `corrections`
    counts the calls of which somebody said what would have been right.
    """

    endpoint: str
    since_us: int
    until_us: int
    step_us: int
    steps: tuple[Quality, ...]
    whole: tuple[Quality, ...]
    gaps: tuple[Gap, ...] = ()
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
        gaps=tuple(_gaps(connection, tenant, endpoint, rows)),
        corrections=_corrections(connection, tenant, endpoint, since_us),
    )


def _whole(rows: Iterable[Graded], since_us: int, until_us: int) -> Iterator[Quality]:
    groups: dict[tuple[str, str, str], list[Graded]] = {}
    for row in rows:
        key = (row.evaluation, row.grader, row.model)
        groups.setdefault(key, []).append(row)
    for (evaluation, grader, model), found in sorted(groups.items()):
        yield Quality(
            evaluation=evaluation,
            grader=grader,
            model=model,
            since_us=since_us,
            until_us=until_us,
            estimate=estimate(found),
        )


def _gaps(
    connection: sa.Connection, tenant: str, endpoint: str, rows: Iterable[Graded]
) -> Iterator[Gap]:
    """Yield the gap of each grader whose newest report it judged in, as it is now."""
    graded: dict[tuple[str, str], dict[tuple[str, str], list[Graded]]] = {}
    for row in rows:
        if row.evaluation:
            by_grader = graded.setdefault((row.evaluation, row.model), {})
            by_grader.setdefault((row.grader, row.digest), []).append(row)
    for (evaluation, model), by_grader in sorted(graded.items()):
        report = newest_on(connection, tenant, endpoint, (evaluation, model))
        said = report.summary if report else {}
        for (grader, digest), found in sorted(by_grader.items()):
            score = said.get("scores", {}).get(grader)
            same = said.get("digests", {}).get(grader) == digest
            if report is None or not same or not isinstance(score, dict):
                continue
            offline, online = reported(score), estimate(found)
            yield Gap(
                evaluation=evaluation,
                grader=grader,
                model=model,
                report=report.digest,
                reported_us=report.at_us,
                offline=offline,
                online=online,
                gap=gap(offline, online),
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
