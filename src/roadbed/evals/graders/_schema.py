"""JSON Schema for answers of strangers: nothing is fetched, nothing is quadratic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.graders._reading import Unknown, clean, cut
from roadbed.evals.graders.regex import compiled


@dataclass(frozen=True, slots=True)
class Checker:
    """Validates values against one schema."""

    schema: Mapping[str, Any]
    validator: Any

    def errors(self, value: Any, most: int) -> list[tuple[str, str]]:
        """Return the paths and messages of at most *most* errors.

        Raises Unknown if a reference of the schema leads nowhere, or in a circle.
        """
        from referencing.exceptions import Unresolvable

        found = islice(self.validator.iter_errors(value), most)
        try:
            return [(_path(e), cut(e.message, 200)) for e in found]
        except RecursionError:
            raise Unknown("the schema leads in a circle") from None
        except Unresolvable as error:
            raise Unknown(f"the schema refers to what is not there: {error}") from None


def checker(schema: Mapping[str, Any]) -> Checker:
    """Return what validates by *schema*; raise Invalid if it is none."""
    import jsonschema
    from jsonschema.validators import extend, validator_for
    from referencing import Registry

    draft: Any = validator_for(dict(schema), default=jsonschema.Draft202012Validator)
    try:
        draft.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        raise Invalid(
            f"the JSON Schema is none: {cut(error.message)}",
            hint=f"look at {_path(error) or 'its top'}",
        ) from None
    keywords = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique,
    }
    safe: Any = extend(draft, keywords)
    return Checker(schema, safe(dict(schema), registry=Registry()))


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _found(pattern, value):
        yield _error(f"does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _: Any
) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    for pattern, inner in patterns.items():
        for name, item in value.items():
            if _found(pattern, name):
                yield from validator.descend(item, inner, path=name)


def _unique(validator: Any, wanted: bool, value: Any, _: Any) -> Iterator[Any]:
    if wanted and isinstance(value, list) and len(set(map(key, value))) < len(value):
        yield _error("has items that are equal")


def key(value: Any) -> Any:
    """Return what equal values of JSON share: true is not 1, but 1 is 1.0."""
    if isinstance(value, dict):
        return "object", frozenset((k, key(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return "list", tuple(map(key, value))
    return isinstance(value, bool), value


def _found(pattern: str, text: str) -> bool:
    return compiled(pattern).search(clean(text)) is not None


def _error(message: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message)


def _path(error: Any) -> str:
    """Return where *error* is; of a field too many or missing, the field itself."""
    path = ".".join(map(str, error.absolute_path))
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [n for n in error.validator_value if n not in error.instance]
        named = [n for n in missing if error.message.startswith(repr(n))]
        return ".".join(filter(None, [path, *named[:1]]))
    return path
