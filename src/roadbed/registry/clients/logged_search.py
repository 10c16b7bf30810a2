"""Find logged models: by what is said of them and what was measured on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.registry.clients.logged import Logged
from roadbed.registry.tracking.grammar import (
    Condition,
    Order,
    parse_filter,
    parse_order,
)
from roadbed.registry.tracking.tables import (
    logged_metrics,
    logged_models,
    logged_params,
    logged_tags,
)
from roadbed.registry.tracking.where import (
    Page,
    Term,
    number,
    pair,
    text,
    unknown,
)

_MODEL = logged_models.c
_TEXTS: Mapping[str, sa.ColumnElement[Any]] = {
    "model_id": _MODEL.id,
    "name": _MODEL.name,
    "model_type": _MODEL.type,
    "status": _MODEL.status,
    "source_run_id": _MODEL.source_run_id,
    "experiment_id": _MODEL.experiment_id,
}
_NUMBERS: Mapping[str, sa.ColumnElement[Any]] = {
    "creation_timestamp": _MODEL.created_ms,
    "creation_time": _MODEL.created_ms,
    "creation_timestamp_ms": _MODEL.created_ms,
    "last_updated_timestamp": _MODEL.updated_ms,
    "last_updated_timestamp_ms": _MODEL.updated_ms,
}
_PAIRS = {"param": logged_params, "tag": logged_tags}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBy:
    """One field that logged models are ordered by, on one dataset if it says so."""

    field: str
    ascending: bool = True
    dataset: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which logged models are wanted, in which order, and after what."""

    experiment_ids: tuple[str, ...]
    filter: str = ""
    datasets: tuple[tuple[str, str], ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    limit: int = 100
    token: str = ""


def search(
    connection: sa.Connection, tenant: str, wanted: Search
) -> tuple[list[Logged], str]:
    """Return a page of logged models, and the token of the next one or nothing."""
    query = sa.select(logged_models).where(
        _MODEL.tenant == tenant,
        _MODEL.stage == "active",
        _MODEL.experiment_id.in_(wanted.experiment_ids),
    )
    dialect = connection.dialect.name
    for condition in parse_filter(wanted.filter):
        query = query.where(_compiled(condition, wanted.datasets, dialect))
    terms = [t for order in wanted.order_by for t in _terms(order)]
    terms += [Term(_MODEL.created_ms, descending=True), Term(_MODEL.id)]
    asked = [sorted(wanted.experiment_ids), wanted.filter, list(wanted.datasets)]
    orders = [[o.field, o.ascending, list(o.dataset)] for o in wanted.order_by]
    page = Page(wanted.limit, wanted.token, terms, [*asked, orders])
    kept, token = page.cut(
        connection.execute(page.of(query)).mappings().all()  # type: ignore[arg-type]
    )
    names = Logged.__dataclass_fields__
    return [Logged(**{n: row[n] for n in names}) for row in kept], token


def _compiled(
    condition: Condition, datasets: Sequence[tuple[str, str]], dialect: str
) -> sa.ColumnElement[bool]:
    if condition.kind == "metric":
        mine = [_measured(condition.key), _on(logged_metrics, datasets)]
        compared = number(condition, logged_metrics.c.value)
        return sa.exists().where(sa.and_(*mine, compared))
    if condition.kind in _PAIRS:
        return pair(condition, _PAIRS[condition.kind], _MODEL.id, dialect)
    if condition.kind == "attribute" and condition.key in _NUMBERS:
        return number(condition, _NUMBERS[condition.key])
    if condition.kind == "attribute" and condition.key in _TEXTS:
        return text(condition, _TEXTS[condition.key], dialect)
    raise unknown(condition, (*_TEXTS, *_NUMBERS))


def _terms(order: OrderBy) -> list[Term]:
    """Return the terms of one order; models without a value come last."""
    parsed: Order = parse_order(order.field)
    if parsed.kind == "metric":
        chosen = (order.dataset,) if order.dataset[0] else ()
        value = (
            sa.select(sa.func.max(logged_metrics.c.value))
            .where(_measured(parsed.key), _on(logged_metrics, chosen))
            .scalar_subquery()
        )
        return _last(value, 0.0, order)
    if parsed.kind in _PAIRS:
        table = _PAIRS[parsed.kind]
        mine = (table.c.model_id == _MODEL.id, table.c.key == parsed.key)
        return _last(sa.select(table.c.value).where(*mine).scalar_subquery(), "", order)
    column = _TEXTS.get(parsed.key, _NUMBERS.get(parsed.key))
    if parsed.kind != "attribute" or column is None:
        raise unknown(parsed, (*_TEXTS, *_NUMBERS))
    return [Term(column, not order.ascending)]


def _last(value: Any, instead: Any, order: OrderBy) -> list[Term]:
    absent = sa.case((value.is_(None), 1), else_=0)
    return [Term(absent), Term(sa.func.coalesce(value, instead), not order.ascending)]


def _measured(key: str) -> sa.ColumnElement[bool]:
    mine = logged_metrics.c
    return sa.and_(mine.model_id == _MODEL.id, mine.key == key)


def _on(table: sa.Table, datasets: Sequence[tuple[str, str]]) -> Any:
    """Return whether a value was measured on one of *datasets*; none: on any."""
    chosen = [
        sa.and_(
            table.c.dataset_name == name,
            *([table.c.dataset_digest == digest] if digest else []),
        )
        for name, digest in datasets
    ]
    return sa.or_(*chosen) if chosen else sa.true()
