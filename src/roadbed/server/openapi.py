"""The OpenAPI 3.1 document, made from the routes and their models."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from roadbed import __version__
from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.server.hot import HotRoute
from roadbed.server.routes import Listed, OpenRoute, Raw, Route

REF = "#/components/schemas/{model}"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457), and in `hint` what to do about it.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "hint": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail", "code"],
}


def document(
    routes: Iterable[Route],
    hot: Iterable[HotRoute],
    public: Iterable[OpenRoute] = (),
    tracking: Iterable[Listed] = (),
) -> dict[str, Any]:
    """Return the description of *routes* and *public*, and where the others are."""
    routes, public = tuple(routes), tuple(public)
    schemas = _schemas(routes, public)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = _operation(route, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = described
    for route in public:
        described = _open(route, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = described
    for route in (*hot, *tracking):
        paths.setdefault(route.path, {})[route.method.lower()] = _hot(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Roadbed", "version": __version__},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Problem": PROBLEM},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The key of a service account: rbk_…",
                }
            },
        },
    }


@cache
def adapter_of(answer: Any) -> TypeAdapter[Any]:
    """Return what writes instances of *answer* as JSON."""
    return TypeAdapter(answer)


class _Schemas:
    """The schema of each model, by the model and whether it comes in or goes out."""

    def __init__(self, found: dict[Any, Any], components: dict[str, Any]) -> None:
        self.found = found
        self.components = components

    def of(self, model: Any, mode: str) -> dict[str, Any]:
        return self.found[id(model), mode]


def _schemas(routes: Iterable[Route], public: Iterable[OpenRoute]) -> _Schemas:
    wanted: dict[Any, Any] = {}
    for route in public:
        key = id(route.answer), "serialization"
        wanted[key] = (key, "serialization", adapter_of(route.answer))
        if route.form is not None:
            key = id(route.form), "validation"
            wanted[key] = (key, "validation", adapter_of(route.form))
    for route in routes:
        if route.answer is not Raw:
            key = id(route.answer), "serialization"
            wanted[key] = (key, "serialization", adapter_of(route.answer))
        for model in (route.body, route.query):
            if model is not None:
                key = id(model), "validation"
                wanted[key] = (key, "validation", adapter_of(model))
    found, rest = TypeAdapter.json_schemas(wanted.values(), ref_template=REF)
    by_key = {key: schema for (key, _), schema in found.items()}
    return _Schemas(by_key, rest.get("$defs", {}))


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        **_head(route),
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag or "state"],
        "parameters": [*_path_parameters(route.path), *_query(route, schemas)],
        "responses": {
            str(route.status): {
                "description": "The answer.",
                "content": _content(route, schemas),
            },
            "default": {
                "description": "What went wrong.",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"}
                    }
                },
            },
        },
    }
    if route.body is not None:
        schema = schemas.of(route.body, "validation")
        content = {"application/json": {"schema": schema}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _open(route: OpenRoute, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(route.answer, "serialization")
    described: dict[str, Any] = {
        **_head(route),
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag],
        "parameters": [],
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": schema}},
            },
            "default": {"description": "What went wrong."},
        },
    }
    if route.form is not None:
        form = {"schema": schemas.of(route.form, "validation")}
        content = {"application/x-www-form-urlencoded": form}
        described["requestBody"] = {"required": True, "content": content}
    return described


_DIALECTS = (
    ("OTLP/HTTP", "/v1/logs"),
    ("Anthropic", "/v1/messages"),
    ("OpenAI", "/v1"),
    ("the Open Inference Protocol", "/v2"),
)

_TAGS = {"MLflow": "tracking", "OTLP/HTTP": "telemetry"}


def _hot(route: Listed) -> dict[str, Any]:
    named = (name for name, at in _DIALECTS if route.path.startswith(at))
    dialect = next(named, "MLflow")
    return {
        **_head(route),
        "description": f"As {dialect} specifies it.",
        "tags": [_TAGS.get(dialect, "data plane")],
        "parameters": _path_parameters(route.path),
        "responses": {"default": {"description": f"As {dialect} specifies it."}},
    }


def _head(route: Listed) -> dict[str, Any]:
    words = re.findall(r"[A-Za-z0-9]+", f"{route.method} {route.path}")
    head: dict[str, Any] = {
        "operationId": "_".join(words).lower(),
        "summary": getattr(route, "summary", ""),
        "x-roadbed-action": route.action,
    }
    if route.action == PUBLIC:
        head["security"] = []
    elif route.action in ACTIONS:
        head["x-roadbed-kind"] = ACTIONS[route.action].kind
    return head


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    model: type[BaseModel] | None = route.query
    if model is None:
        return
    for name, field in model.model_fields.items():
        schema = model.model_json_schema()["properties"][name]
        yield {
            "name": name,
            "in": "query",
            "required": field.is_required(),
            "description": field.description or "",
            "schema": {k: v for k, v in schema.items() if k != "description"},
        }


def _content(route: Route, schemas: _Schemas) -> dict[str, Any]:
    if route.answer is Raw:
        return {route.raw_type: {"schema": {"type": "string"}}}
    schema = schemas.of(route.answer, "serialization")
    return {"application/json": {"schema": schema}}
