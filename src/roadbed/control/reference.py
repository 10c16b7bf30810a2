"""The reference page of the kinds, written from their classes."""

import inspect
import json
from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from roadbed.control.fields import members
from roadbed.control.kinds import API_VERSION, all_kinds
from roadbed.core.resource import Metadata

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "anything",
    NoneType: "nothing",
}
_INTRO = """\
# Resources

Everything a team declares is a resource: YAML with four parts. This page is made
from the classes that check it.

| field | what it is |
|---|---|
| `apiVersion` | `{version}` |
| `kind` | one of {kinds} |
| `metadata` | what every resource has: see [metadata](#metadata) |
| `spec` | what this kind asks for |
"""


def reference_page() -> str:
    """Return the page as Markdown: every kind, every field, with type and default."""
    kinds = all_kinds()
    names = ", ".join(f"[{name}](#{name.lower()})" for name in kinds)
    parts = [
        _INTRO.format(version=API_VERSION, kinds=names),
        _section("metadata", Metadata),
    ]
    parts += [_section(name, kind) for name, kind in kinds.items()]
    return "\n".join(parts)


def _section(title: str, model: type[BaseModel]) -> str:
    said = inspect.cleandoc(model.__doc__ or "")
    rows = "\n".join(_rows(model, ""))
    head = "| field | type | default | what it is |\n|---|---|---|---|"
    return f"## {title}\n\n{said}\n\n{head}\n{rows}\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        said = _cell(field.description or "")
        kind = _cell(_kind(field.annotation))
        yield f"| `{path}` | {kind} | {_default(field)} | {said} |"
        for inner in _models(field.annotation):
            yield from _rows(inner, f"{path}.")


def _kind(annotation: Any) -> str:
    options = [m for m in members(annotation) if m is not NoneType]
    return " or ".join(_one(option) for option in options)


def _one(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inner)
    if origin in (list, tuple, set, frozenset):
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"mapping to {_kind(inner[1])}"
    if origin is Annotated:
        return _kind(inner[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _WORDS.get(annotation, "text")


def _models(annotation: Any) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    for option in members(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            found.append(option)
        elif get_origin(option) in (list, dict):
            found += _models(get_args(option)[-1])
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return ""  # its own fields say it
    if default in (None, "", [], {}):
        return ""
    return (
        f"`{json.dumps(default)}`" if not isinstance(default, str) else f"`{default}`"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
