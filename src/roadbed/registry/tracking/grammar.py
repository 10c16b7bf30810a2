"""The grammar of searches: `metrics.loss < 0.1 AND tags."my key" LIKE 'a%'`.

Conditions are joined by AND and nothing else, as the protocol has it. What is parsed
here says nothing yet of which fields there are: see `roadbed.registry.tracking.where`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadbed.core.errors import Invalid

MAX_TEXT = 20_000
MAX_CONDITIONS = 64
OPERATORS = frozenset(
    {"=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN"}
)
ABSENCE = frozenset({"IS NULL", "IS NOT NULL"})

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<text>'(?:''|\\'|[^'])*')"
    r'|(?P<double>"(?:""|[^"])*")'
    r"|(?P<tick>`[^`]*`)"
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<word>\w+)"
    r"|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,|\.)"
    r")"
)
_KINDS = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attr", "attribute", "attributes", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}

Value = str | int | float | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: `kind` is metric, param, tag, attribute or dataset."""

    kind: str
    key: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to order by."""

    kind: str
    key: str
    descending: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    def says(self, *words: str) -> bool:
        return self.kind in ("word", "sign") and self.text.upper() in words


def parse_filter(text: str) -> list[Condition]:
    """Read the conditions of *text*, none if it is empty; raise Invalid."""
    reader = _Reader(text)
    found: list[Condition] = []
    while not reader.done:
        if found:
            reader.expect("AND")
        found.append(_condition(reader))
        if len(found) > MAX_CONDITIONS:
            raise Invalid(f"a search has at most {MAX_CONDITIONS} conditions")
    return found


def parse_order(text: str) -> Order:
    """Read `metrics.loss DESC`; raise Invalid."""
    reader = _Reader(text)
    kind, key = _name(reader)
    descending = False
    if not reader.done:
        descending = reader.expect("ASC", "DESC").upper() == "DESC"
    if not reader.done:
        raise _odd(text, "write one field, and ASC or DESC after it")
    return Order(kind, key, descending)


class _Reader:
    """The tokens of a text, one after the other."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise Invalid(f"a search has at most {MAX_TEXT} characters")
        self.text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._tokens)

    def peek(self) -> _Token:
        return _Token("end", "") if self.done else self._tokens[self._at]

    def next(self) -> _Token:
        if self.done:
            raise _odd(self.text, "it ends where something is missing")
        self._at += 1
        return self._tokens[self._at - 1]

    def expect(self, *words: str) -> str:
        token = self.next()
        if not token.says(*words):
            wanted = " or ".join(words)
            raise _odd(self.text, f"{wanted} is expected before {token.text[:40]!r}")
        return token.text


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or not match.lastgroup:
            raise _odd(text, f"{text[at : at + 20]!r} cannot be read")
        yield _Token(match.lastgroup, match[match.lastgroup])
        at = match.end()


def _condition(reader: _Reader) -> Condition:
    kind, key = _name(reader)
    operator = _operator(reader)
    if operator in ABSENCE:
        return Condition(kind, key, operator, None)
    if operator in ("IN", "NOT IN"):
        return Condition(kind, key, operator, _list(reader))
    return Condition(kind, key, operator, _value(reader))


def _name(reader: _Reader) -> tuple[str, str]:
    """Read `kind.key`, or an attribute alone; a key may be quoted and have dots."""
    first = reader.next()
    if not reader.peek().says("."):
        if first.kind not in ("word", "tick", "double"):
            raise _odd(reader.text, f"{first.text[:40]!r} is no name of a field")
        return "attribute", _bare(first)
    kind = _KINDS.get(_bare(first).lower())
    if kind is None:
        raise Invalid(
            f"Invalid entity type {_bare(first)[:40]!r}",
            hint="fields are metrics.X, params.X, tags.X, attributes.X, datasets.X",
        )
    reader.expect(".")
    parts = [_part(reader)]
    while reader.peek().says("."):
        reader.next()
        parts.append(_part(reader))
    return kind, ".".join(parts)


def _part(reader: _Reader) -> str:
    token = reader.next()
    if token.kind not in ("word", "tick", "double", "text", "number"):
        raise _odd(reader.text, f"{token.text[:40]!r} is no name of a field")
    return _bare(token)


def _operator(reader: _Reader) -> str:
    word = reader.next()
    name = "!=" if word.text == "<>" else word.text.upper()
    if word.says("NOT"):
        name = f"NOT {reader.expect('IN').upper()}"
    elif word.says("IS"):
        name = "IS NULL"
        if reader.expect("NULL", "NOT").upper() == "NOT":
            reader.expect("NULL")
            name = "IS NOT NULL"
    if word.kind not in ("word", "sign") or name not in OPERATORS | ABSENCE:
        raise _odd(reader.text, f"{word.text[:40]!r} is no comparison")
    return name


def _value(reader: _Reader) -> str | int | float:
    token = reader.next()
    if token.kind == "number":
        return float(token.text) if set(token.text) & set(".eE") else int(token.text)
    if token.kind not in ("text", "double"):
        raise Invalid(
            f"Parameter value is either not quoted or unidentified quote types used "
            f"for string value {token.text[:80]}",
            hint="put texts between single or double quotes",
        )
    return _bare(token)


def _list(reader: _Reader) -> tuple[str, ...]:
    reader.expect("(")
    found: list[str] = []
    while True:
        value = _value(reader)
        if not isinstance(value, str):
            raise _odd(reader.text, "a list after IN holds texts between quotes")
        found.append(value)
        if reader.expect(",", ")") == ")":
            return tuple(found)


def _bare(token: _Token) -> str:
    """Return a token without its quotes."""
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'").replace("\\'", "'")
    if token.kind == "double":
        return token.text[1:-1].replace('""', '"')
    return token.text[1:-1] if token.kind == "tick" else token.text


def _odd(text: str, reason: str) -> Invalid:
    return Invalid(
        f"Invalid clause(s) in filter string: {text[:200]!r}: {reason}",
        hint="write comparisons such as metrics.loss < 0.1, joined by AND",
    )
