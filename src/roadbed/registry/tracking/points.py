"""The metrics of runs over their steps."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.database.upsert import upsert
from roadbed.registry.tracking.tables import run_latest, run_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of one metric. `at_us` is in UTC microseconds; NaN is a value too."""

    key: str
    value: float
    step: int = 0
    at_us: int = 0

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> "Point":
        """Return the point that a row of a table holds."""
        value = math.nan if row["value"] is None else row["value"]
        return cls(key=row["key"], value=value, step=row["step"], at_us=row["at_us"])

    @property
    def rank(self) -> tuple[int, int, float]:
        """Return what makes it newer than another point of its metric."""
        return self.step, self.at_us, -math.inf if _is_nan(self.value) else self.value


def add(connection: sa.Connection, run_id: str, points: Sequence[Point]) -> None:
    """Add *points* to the history of the run, in the caller's transaction."""
    if not points:
        return
    rows = [{"run_id": run_id, **row_of(point)} for point in points]
    connection.execute(run_points.insert(), rows)
    newest = [{"run_id": run_id, **row} for row in _newest(connection, run_id, points)]
    upsert(connection, run_latest, newest)


def unseen(
    connection: sa.Connection, run_id: str, points: Sequence[Point]
) -> list[Point]:
    """Return those of *points* that are not there yet, each once.

    A client that was not sure of an answer sends its points again.
    """
    new = {_cells(point): point for point in points}
    table = run_points.c
    query = sa.select(table.key, table.value, table.step, table.at_us).where(
        table.run_id == run_id,
        table.key.in_({point.key for point in points}),
        table.step.in_({point.step for point in points}),
    )
    for row in connection.execute(query):
        new.pop(tuple(row), None)
    return list(new.values())


def history(connection: sa.Connection, run_id: str, key: str) -> list[Point]:
    """Return every point of the metric *key*, in the order of steps, then arrival."""
    query = (
        sa.select(run_points)
        .where(run_points.c.run_id == run_id, run_points.c.key == key)
        .order_by(run_points.c.step, run_points.c.id)
    )
    return [Point.of(row) for row in connection.execute(query).mappings()]


def page(
    connection: sa.Connection,
    run_id: str,
    key: str,
    limit: int,
    after: tuple[int, int] | None = None,
) -> list[tuple[int, Point]]:
    """Return at most *limit* points of a metric, each with the number it was kept by.

    *after* is the step and the number of the last point that was seen.
    """
    table = run_points.c
    query = sa.select(run_points).where(table.run_id == run_id, table.key == key)
    if after is not None:
        step, seen = after
        later = (table.step > step) | ((table.step == step) & (table.id > seen))
        query = query.where(later)
    query = query.order_by(table.step, table.id).limit(limit)
    return [(row["id"], Point.of(row)) for row in connection.execute(query).mappings()]


def sampled(
    connection: sa.Connection,
    run_ids: Sequence[str],
    key: str,
    span: tuple[int, int] | None,
    limit: int,
) -> list[int]:
    """Return at most *limit* steps of a metric, evenly apart, the ends among them.

    *span* is the first and the last step that are wanted; None: all.
    """
    table = run_points.c
    query = sa.select(table.step).where(table.run_id.in_(run_ids), table.key == key)
    if span is not None:
        query = query.where(table.step >= span[0], table.step <= span[1])
    steps = sorted(connection.execute(query.distinct()).scalars())
    if len(steps) <= limit:
        return steps
    apart = (len(steps) - 1) / max(limit - 1, 1)
    return sorted({steps[round(n * apart)] for n in range(limit)})


def at_steps(
    connection: sa.Connection, run_id: str, key: str, steps: Sequence[int]
) -> list[Point]:
    """Return the points of a metric at these *steps*, in order."""
    table = run_points.c
    query = sa.select(run_points).where(
        table.run_id == run_id, table.key == key, table.step.in_(steps)
    )
    found = connection.execute(query.order_by(table.step, table.id)).mappings()
    return [Point.of(row) for row in found]


def latest(
    connection: sa.Connection, run_ids: Sequence[str]
) -> dict[str, dict[str, Point]]:
    """Return the newest point of each metric of each run, by run and metric."""
    found: dict[str, dict[str, Point]] = {run_id: {} for run_id in run_ids}
    query = sa.select(run_latest).where(run_latest.c.run_id.in_(run_ids))
    for row in connection.execute(query.order_by(run_latest.c.key)).mappings():
        found[row["run_id"]][row["key"]] = Point.of(row)
    return found


def _newest(
    connection: sa.Connection, run_id: str, points: Iterable[Point]
) -> list[dict[str, Any]]:
    """Return the newest of *points* and of what is known, one for each metric."""
    best: dict[str, Point] = {}
    for point in points:
        if point.key not in best or point.rank >= best[point.key].rank:
            best[point.key] = point
    query = sa.select(run_latest).where(run_latest.c.run_id == run_id)
    for row in connection.execute(query).mappings():
        known = Point.of(row)
        if known.key in best and known.rank > best[known.key].rank:
            del best[known.key]
    return [row_of(point) for point in best.values()]


def row_of(point: Point) -> dict[str, Any]:
    """Return a point as the columns of a table have it."""
    key, value, step, at_us = _cells(point)
    return {"key": key, "value": value, "step": step, "at_us": at_us}


def _cells(point: Point) -> tuple[str, float | None, int, int]:
    value = None if _is_nan(point.value) else point.value
    return point.key, value, point.step, point.at_us


def _is_nan(value: float) -> bool:
    return math.isnan(value)
