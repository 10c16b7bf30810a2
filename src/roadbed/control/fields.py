"""What pydantic says about a value, said to the person who wrote it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from roadbed.control.document import Document, Path
from roadbed.core.errors import Problem

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "none_required": "nothing",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
}


def check(model: type[BaseModel], document: Document, path: Path) -> Iterator[Problem]:
    """Yield a problem for each field of the value at *path* that *model* refuses."""
    value = at(document.value, path)
    try:
        model.model_validate(value)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            yield _problem(fault, model, document, path)


def at(value: Any, path: Path) -> Any:
    """Return the part of *value* at *path*, or None if there is none."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def with_defaults(model: type[BaseModel], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value* with the defaults of fields that *model* had not when it was kept.

    So a release of Roadbed with a new optional field changes nobody's plan. What is
    quiet by default stays out.
    """
    full, quiet = dict(value), getattr(model, "quiet", frozenset())
    for name, field in model.model_fields.items():
        if name not in full and name not in quiet and not field.is_required():
            default = field.get_default(call_default_factory=True)
            is_model = isinstance(default, BaseModel)
            full[name] = default.model_dump(mode="json") if is_model else default
        for inner in members(field.annotation):
            nested = isinstance(inner, type) and issubclass(inner, BaseModel)
            if nested and isinstance(full.get(name), Mapping):
                full[name] = with_defaults(inner, full[name])
    return full


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint with the word of *known* most like *word*, or all of them."""
    words = sorted(known)
    close = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    folded = [w for w in words if w.lower() == word.lower()]
    if best := folded or close:
        return f"did you mean {best[0]}?"
    return otherwise or ("known: " + ", ".join(words) if words else "")


def _problem(
    fault: Any, model: type[BaseModel], document: Document, path: Path
) -> Problem:
    place = _place(fault["loc"], at(document.value, path), fault["type"])
    whole = (*path, *place)
    names = _fields(model, place[:-1])
    if fault["type"] == "extra_forbidden":
        hint = did_you_mean(str(place[-1]), names)
        return document.problem(whole, "unknown field", hint)
    field = names.get(str(place[-1])) if place else None
    described = (field.description or "") if field is not None else ""
    if fault["type"] == "missing":
        return document.problem(whole, "is missing", described)
    message, hint = _sentence(fault, at(document.value, whole))
    return document.problem(whole, message, hint or described)


def _place(loc: tuple[str | int, ...], value: Any, kind: str) -> Path:
    """Return where *loc* points in *value*, without the names of union members."""
    place: list[str | int] = []
    for position, part in enumerate(loc):
        if _holds(value, part):
            place.append(part)
            value = at(value, (part,))
        elif kind == "missing" and position == len(loc) - 1:
            place.append(part)
    return tuple(place)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _sentence(fault: Any, value: Any) -> tuple[str, str]:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context), ""
    if kind in ("literal_error", "enum"):
        words = [w.strip("' ") for w in _split(str(context["expected"]))]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        return f"must be one of {', '.join(words)}", hint
    if kind in ("value_error", "assertion_error"):
        message, _, hint = fault["msg"].split(", ", 1)[-1].partition("; ")
        return message, hint
    if kind == "string_pattern_mismatch":
        return "is not written as it must be", ""
    return _wrong_type(kind, value)


def _wrong_type(kind: str, value: Any) -> tuple[str, str]:
    stem = next((s for s in sorted(_EXPECTED, key=len)[::-1] if kind.startswith(s)), "")
    if not stem:
        return "is not valid here", ""
    expected = _EXPECTED[stem]
    hint = ""
    if stem == "string" and isinstance(value, bool | int | float):
        hint = "put it in quotes"
    if expected == "a list" and isinstance(value, str):
        hint = "begin each item on its own line with a dash"
    return f"must be {expected}, not {said(value)}", hint


def _split(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def said(value: Any) -> str:
    """Return the everyday word for what kind of value this is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _fields(model: type[BaseModel], path: Path) -> dict[str, Any]:
    """Return the fields that may stand at *path* inside *model*, by name."""
    models: list[Any] = [model]
    for part in path:
        steps = [_step(m, part) for m in models]
        models = [m for step in steps for m in step]
    found: dict[str, Any] = {}
    for m in models:
        if isinstance(m, type) and issubclass(m, BaseModel):
            found.update({f.alias or n: f for n, f in m.model_fields.items()})
    return found


def _step(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return [] if field is None else members(field.annotation)
    inner = get_args(annotation)
    return members(inner[-1]) if inner else []


def members(annotation: Any) -> list[Any]:
    """Return the alternatives of a union, or the annotation itself."""
    if get_origin(annotation) in (Union, UnionType):
        return [m for a in get_args(annotation) for m in members(a)]
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    return [annotation]
