"""Find registered models and their versions, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Invalid
from roadbed.registry.tracking import rows
from roadbed.registry.tracking.grammar import (
    Condition,
    parse_filter,
    parse_order,
)
from roadbed.registry.tracking.models import TrackedModel
from roadbed.registry.tracking.tables import (
    model_tags,
    tracked_models,
    tracked_versions,
)
from roadbed.registry.tracking.versions import TrackedVersion
from roadbed.registry.tracking.where import Page, Term, number, text, unknown

PROMPT = "mlflow.prompt.is_prompt"
_MODELS = (("!=", "true"), ("=", "false"))
_MODEL, _VERSION = tracked_models.c, tracked_versions.c
_MODEL_ORDERS: Mapping[str, sa.ColumnElement[Any]] = {
    "name": _MODEL.name,
    "timestamp": _MODEL.updated_us,
    "last_updated_timestamp": _MODEL.updated_us,
    "creation_timestamp": _MODEL.created_us,
}
_VERSION_ORDERS: Mapping[str, sa.ColumnElement[Any]] = {
    "name": _MODEL.name,
    "version_number": _VERSION.number,
    "creation_timestamp": _VERSION.created_us,
    "last_updated_timestamp": _VERSION.updated_us,
}
_VERSION_TEXTS: Mapping[str, sa.ColumnElement[Any]] = {
    "name": _MODEL.name,
    "run_id": _VERSION.run_id,
    "source_path": _VERSION.source,
    "source": _VERSION.source,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is wanted, in which order, and after what."""

    filter: str = ""
    order_by: tuple[str, ...] = ()
    limit: int = 100
    token: str = ""


def search_models(
    connection: sa.Connection, tenant: str, wanted: Search
) -> tuple[list[TrackedModel], str]:
    """Return a page of models, and the token of the next one or nothing."""
    query = sa.select(tracked_models).where(_MODEL.tenant == tenant)
    dialect = connection.dialect.name
    for condition in parse_filter(wanted.filter):
        if condition.kind == "tag":
            found = _tagged(condition, _MODEL.model, sa.literal(0), dialect)
            query = query.where(found)
        elif (condition.kind, condition.key) == ("attribute", "name"):
            query = query.where(text(condition, _MODEL.name, dialect))
        else:
            raise unknown(condition, ("name",))
    terms = _terms(wanted.order_by, _MODEL_ORDERS) or [Term(_MODEL.name)]
    page = _page(wanted, [*terms, Term(_MODEL.model)])
    kept, token = page.cut(
        connection.execute(page.of(query)).mappings().all()  # type: ignore[arg-type]
    )
    names = TrackedModel.__dataclass_fields__
    return [TrackedModel(**{n: row[n] for n in names}) for row in kept], token


def search_versions(
    connection: sa.Connection, tenant: str, wanted: Search
) -> tuple[list[tuple[str, TrackedVersion]], str]:
    """Return a page of versions with the names of their models, and a token."""
    query = (
        sa.select(tracked_versions, _MODEL.name)
        .join_from(tracked_versions, tracked_models, _MODEL.model == _VERSION.model)
        .where(_MODEL.tenant == tenant, _VERSION.gone.is_(False))
    )
    dialect = connection.dialect.name
    for condition in parse_filter(wanted.filter):
        query = query.where(_of_version(condition, dialect))
    terms = _terms(wanted.order_by, _VERSION_ORDERS)
    terms = terms or [Term(_VERSION.updated_us, descending=True), Term(_MODEL.name)]
    page = _page(wanted, [*terms, Term(_VERSION.number, True), Term(_VERSION.model)])
    kept, token = page.cut(
        connection.execute(page.of(query)).mappings().all()  # type: ignore[arg-type]
    )
    names = TrackedVersion.__dataclass_fields__
    found = [
        (row["name"], TrackedVersion(**{n: row[n] for n in names})) for row in kept
    ]
    return found, token


def newest_of(
    connection: sa.Connection, models: Sequence[str]
) -> dict[str, dict[str, TrackedVersion]]:
    """Return the newest version in each stage, by the registry's name and the stage."""
    found: dict[str, dict[str, TrackedVersion]] = {}
    for some in rows.batches(models):
        newest = (
            sa.select(_VERSION.model, sa.func.max(_VERSION.number).label("number"))
            .where(_VERSION.model.in_(some), _VERSION.gone.is_(False))
            .group_by(_VERSION.model, _VERSION.stage)
            .subquery()
        )
        on = sa.and_(
            _VERSION.model == newest.c.model, _VERSION.number == newest.c.number
        )
        query = sa.select(tracked_versions).join(newest, on)
        for row in connection.execute(query.order_by(_VERSION.number)).mappings():
            found.setdefault(row["model"], {})[row["stage"]] = TrackedVersion(**row)
    return found


def _of_version(condition: Condition, dialect: str) -> sa.ColumnElement[bool]:
    if condition.kind == "tag":
        return _tagged(condition, _VERSION.model, _VERSION.number, dialect)
    if condition.kind == "attribute" and condition.key in _VERSION_TEXTS:
        return text(condition, _VERSION_TEXTS[condition.key], dialect)
    if condition.kind == "attribute" and condition.key == "version_number":
        return number(condition, _VERSION.number)
    raise unknown(condition, (*_VERSION_TEXTS, "version_number"))


def _tagged(
    condition: Condition, model: Any, count: Any, dialect: str
) -> sa.ColumnElement[bool]:
    if condition.key == PROMPT and (condition.operator, condition.value) in _MODELS:
        # Clients ask so for models: what has no such tag is no prompt.
        prompts = Condition("tag", PROMPT, "=", "true")
        return ~_tagged(prompts, model, count, dialect)
    mine = sa.and_(
        model_tags.c.model == model,
        model_tags.c.number == count,
        model_tags.c.key == condition.key,
    )
    return rows.tagged(condition, mine, model_tags.c.value, dialect)


def _terms(
    order_by: Sequence[str], known: Mapping[str, sa.ColumnElement[Any]]
) -> list[Term]:
    terms = []
    for order in map(parse_order, order_by):
        if order.kind != "attribute" or order.key not in known:
            raise unknown(order, tuple(known))
        terms.append(Term(known[order.key], order.descending))
    if len(terms) > 16:
        raise Invalid("a search is ordered by 16 fields at most")
    return terms


def _page(wanted: Search, terms: Sequence[Term]) -> Page:
    asked = [wanted.filter, list(wanted.order_by)]
    return Page(wanted.limit, wanted.token, terms, asked)
