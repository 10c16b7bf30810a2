"""Find runs: by what they logged, in any order, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Invalid
from roadbed.registry.clients.tracked import Tracked
from roadbed.registry.tracking.experiments import STAGES
from roadbed.registry.tracking.grammar import (
    Condition,
    Order,
    parse_filter,
    parse_order,
)
from roadbed.registry.tracking.tables import (
    run_inputs,
    run_latest,
    run_params,
    run_tags,
    tracked_runs,
)
from roadbed.registry.tracking.where import (
    Page,
    Term,
    nullable,
    number,
    pair,
    text,
    unknown,
)

ROOT = "mlflow-artifacts:/"
_RUN = tracked_runs.c
_ROOT = (
    sa.literal(ROOT) + _RUN.experiment_id + "/" + _RUN.run_id + sa.literal("/artifacts")
)
_TEXTS: Mapping[str, sa.ColumnElement[Any]] = {
    "run_id": _RUN.run_id,
    "run_name": _RUN.name,
    "status": _RUN.status,
    "user_id": _RUN.user,
    "experiment_id": _RUN.experiment_id,
    "lifecycle_stage": _RUN.stage,
    "artifact_uri": _ROOT,
}
_NUMBERS: Mapping[str, sa.ColumnElement[Any]] = {
    "start_time": _RUN.start_ms,
    "end_time": _RUN.end_ms,
}
_ALIASES = {
    "created": "start_time",
    "Created": "start_time",
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
}
_PAIRS = {"metric": run_latest, "param": run_params, "tag": run_tags}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which runs are wanted, in which order, and after what."""

    experiment_ids: tuple[str, ...]
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: str = "ACTIVE_ONLY"
    limit: int = 1000
    token: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Runs of a page; `after` has the token of what follows each of them."""

    runs: Sequence[Tracked]
    after: Sequence[str]
    token: str


def search(connection: sa.Connection, tenant: str, wanted: Search) -> Found:
    """Return a page of the runs of *tenant*; raise Invalid for a wrong search."""
    dialect = connection.dialect.name
    query = sa.select(tracked_runs).where(
        _RUN.tenant == tenant,
        _RUN.experiment_id.in_(wanted.experiment_ids),
    )
    if wanted.view in STAGES:
        query = query.where(_RUN.stage.in_(STAGES[wanted.view]))
    for condition in parse_filter(wanted.filter):
        query = query.where(_compiled(condition, dialect))
    query, terms = _ordered(query, [parse_order(text) for text in wanted.order_by])
    asked = [sorted(wanted.experiment_ids), wanted.filter, list(wanted.order_by)]
    page = Page(wanted.limit, wanted.token, terms, [*asked, wanted.view])
    kept, token = page.cut(
        connection.execute(page.of(query)).mappings().all()  # type: ignore[arg-type]
    )
    names = Tracked.__dataclass_fields__
    return Found(
        runs=[Tracked(**{n: row[n] for n in names}) for row in kept],
        after=[page.after(row) for row in kept],
        token=token,
    )


def _compiled(condition: Condition, dialect: str) -> sa.ColumnElement[bool]:
    table = _PAIRS.get(condition.kind)
    if table is not None:
        return pair(condition, table, _RUN.run_id, dialect)
    if condition.kind == "dataset":
        return _read(condition, dialect)
    key = _ALIASES.get(condition.key, condition.key)
    if key in _NUMBERS:
        return number(condition, _NUMBERS[key])
    if key in _TEXTS:
        return text(condition, _TEXTS[key], dialect)
    raise unknown(condition, (*_TEXTS, *_NUMBERS))


def _read(condition: Condition, dialect: str) -> sa.ColumnElement[bool]:
    if condition.key not in ("name", "digest", "context"):
        raise unknown(condition, ("name", "digest", "context"))
    mine = run_inputs.c.run_id == _RUN.run_id
    compared = text(condition, run_inputs.c[condition.key], dialect)
    return sa.exists().where(sa.and_(mine, compared))


def _ordered(
    query: sa.Select[Any], order_by: Sequence[Order]
) -> tuple[sa.Select[Any], list[Term]]:
    """Return *query* joined to what it is ordered by, and the terms of the order.

    Runs without a value come last, and before them those whose value is NaN.
    """
    if len(order_by) > 16:
        raise Invalid("a search is ordered by 16 fields at most")
    source: sa.FromClause = tracked_runs
    terms: list[Term] = []
    for order in order_by:
        if order.kind in _PAIRS:
            beside = _PAIRS[order.kind].alias()
            on = sa.and_(beside.c.run_id == _RUN.run_id, beside.c.key == order.key)
            source = source.outerjoin(beside, on)
            terms += _of_pair(beside, order)
        else:
            terms += _of_attribute(order)
    # Where nothing else tells them apart, the newest run is first.
    terms += [Term(_RUN.start_ms, descending=True), Term(_RUN.run_id)]
    return query.select_from(source), terms


def _of_pair(beside: sa.FromClause, order: Order) -> list[Term]:
    if order.kind != "metric":
        return nullable(beside.c.value, order.descending, "")
    value = beside.c.value
    last = sa.case((beside.c.run_id.is_(None), 2), (value.is_(None), 1), else_=0)
    return [Term(last), Term(sa.func.coalesce(value, 0.0), order.descending)]


def _of_attribute(order: Order) -> list[Term]:
    key = _ALIASES.get(order.key, order.key)
    column = _TEXTS.get(key, _NUMBERS.get(key))
    if order.kind != "attribute" or column is None:
        raise unknown(order, (*_TEXTS, *_NUMBERS))
    if key == "end_time":
        return nullable(column, order.descending, 0)
    return [Term(column, order.descending)]
