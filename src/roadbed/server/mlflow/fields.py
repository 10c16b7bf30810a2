"""The fields of a request, as proto3's JSON spells them: leniently, and bounded.

64-bit integers come as numbers or as texts, doubles as numbers, or as `NaN` and
`Infinity`; names come as they are in the protocol or in camelCase; null is absence;
what is unknown is ignored. A query is read the same way.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from roadbed.core.errors import Invalid

_INT = re.compile(r"-?\d{1,19}(?:\.0+)?")
_ODD = re.compile(r"[\x00\ud800-\udfff]")
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
MAX_TEXT = 1_000_000
MAX_ITEMS = 10_000


def read_json(body: bytes) -> dict[str, Any]:
    """Return *body* as a JSON object, an empty body as an empty one; raise Invalid."""
    try:
        found = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Invalid("the body is no JSON", hint="send a JSON object") from None
    if not isinstance(found, dict):
        raise Invalid("the body is no JSON object", hint="send a JSON object")
    return found


def read_query(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a query; one that stands there twice is a list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        name = name.removesuffix("[]")
        known = found.get(name)
        many = [value] if known is None else [*_listed(known), value]
        found[name] = many[0] if len(many) == 1 else many
    return found


class Fields:
    """One message: fields by name. `path` says where in the request it stands."""

    def __init__(self, data: Mapping[str, Any], path: str = "") -> None:
        self._data = data
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._get(name) is not None

    def text(self, name: str, most: int = MAX_TEXT, *, cut: bool = False) -> str:
        """Return a text, empty if it is absent; longer than *most* is wrong, or cut."""
        value = self._get(name)
        if value is None:
            return ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self.wrong(name, value, "a text is expected")
        if _ODD.search(value):
            raise self.wrong(name, value, "it holds characters that no text has")
        if len(value) > most and not cut:
            raise self.wrong(
                name,
                value,
                f"'{name}' exceeds the maximum length of {most} characters "
                f"(length {len(value)})",
            )
        return value[:most]

    def required(self, name: str, most: int = MAX_TEXT) -> str:
        """Return a text that has to be there."""
        value = self.text(name, most)
        if not value:
            raise Invalid(
                f"Missing value for required parameter {self._named(name)!r}.",
                hint="see the REST API documentation of MLflow",
            )
        return value

    def integer(
        self, name: str, default: int = 0, low: int = -(2**63), high: int = 2**63 - 1
    ) -> int:
        """Return a whole number between *low* and *high*."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, str) and _INT.fullmatch(value):
            value = int(value.partition(".")[0])
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, value, "a whole number is expected")
        if not low <= value <= high:
            raise self.wrong(name, value, f"it must be between {low} and {high}")
        return value

    def double(self, name: str) -> float:
        """Return a number that has to be there; NaN and infinities are numbers too."""
        value = self._get(name)
        if isinstance(value, str):
            value = _FLOATS.get(value, _number(value))
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(
                name,
                value,
                "Please specify value as a valid double (64-bit floating point)",
            )
        try:
            return float(value)
        except OverflowError:
            raise self.wrong(name, "…", "it is no 64-bit floating point") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return whether something is wanted."""
        value = self._get(name)
        known = {True: True, False: False, "true": True, "false": False}
        if value is None:
            return default
        if not isinstance(value, bool | str) or value not in known:
            raise self.wrong(name, value, "true or false is expected")
        return known[value]

    def choice(
        self, name: str, among: Sequence[str], default: str = "", first: int = 1
    ) -> str:
        """Return one of the names *among*; a number counts them from *first*."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, int) and 0 <= value - first < len(among):
            return among[value - first]
        if not isinstance(value, str) or value not in among:
            raise self.wrong(name, value, f"one of {', '.join(among)} is expected")
        return value

    def texts(self, name: str, most: int = 1_000) -> tuple[str, ...]:
        """Return a list of texts, at most *most*."""
        found = self._list(name, most)
        if not all(isinstance(item, str) for item in found):
            raise self.wrong(name, "…", "a list of texts is expected")
        if any(_ODD.search(item) for item in found):
            raise self.wrong(name, "…", "it holds characters that no text has")
        return tuple(found)

    def items(self, name: str, most: int = MAX_ITEMS) -> Iterator["Fields"]:
        """Return a list of messages, at most *most*."""
        for at, item in enumerate(self._list(name, most)):
            path = f"{self._named(name)}[{at}]"
            if not isinstance(item, dict):
                raise Invalid(f"Invalid value for {path}: a message is expected")
            yield Fields(item, path)

    def item(self, name: str) -> "Fields":
        """Return a message, an empty one if it is absent."""
        value = self._get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.wrong(name, value, "a message is expected")
        return Fields(value, self._named(name))

    def wrong(self, name: str, value: object, reason: str) -> Invalid:
        """Return the error for a field with this *value*."""
        shown = str(value)[:80].encode("utf-8", "replace").decode()
        return Invalid(
            f"Invalid value {shown!r} for parameter {self._named(name)!r} supplied: "
            f"{reason}"
        )

    def _list(self, name: str, most: int) -> list[Any]:
        value = self._get(name)
        found = [] if value is None else _listed(value)
        if len(found) > most:
            raise self.wrong(
                name, f"{len(found)} items", f"it has at most {most} of them"
            )
        return found

    def _get(self, name: str) -> Any:
        value = self._data.get(name)
        return self._data.get(_camel(name)) if value is None else value

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) < 64 else None
    except ValueError:
        return None
