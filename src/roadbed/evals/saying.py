"""What can be said of a call: its words, and how what was sent becomes them."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from roadbed.core.digest import canonical
from roadbed.core.errors import Invalid

Kind = Literal["thumbs", "score", "correction", "label", "outcome", "grade"]
"""`correction` is what the answer should have been, `outcome` what turned out true;
`grade` is what a grader elsewhere said, which is no truth."""

KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_LABEL = 200
MAX_COMMENT = 8_000
MAX_VALUE_BYTES = 64_000
_WORD = re.compile(r"[\w.@:#+/ -]{1,100}")
_KNOWN: Mapping[str, Kind] = {kind: kind for kind in KINDS}
_UP: Mapping[object, float] = {"up": 1.0, "down": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said, checked: what is counted, and apart what may tell of a person.

    `number` is 0 or 1 of thumbs; `apart` holds a `value` (plain JSON), a `comment`,
    both or nothing.
    """

    kind: Kind
    name: str
    number: float | None = None
    label: str | None = None
    apart: Mapping[str, Any]


def read(kind: str, value: Any, *, name: str = "", comment: str = "") -> Said:
    """Return what somebody sent as what was said; raise Invalid for nonsense.

    *value* is `up` or `down` (or a truth value) of thumbs, a number of a score, a
    short text of a label, plain JSON of a correction, and of an outcome a number, a
    text, a truth value, or a list of them: one for each row. Of a grade it is a number,
    a short text, or a list of both. *name* tells apart what one source says of one
    call, and is the kind if it is empty.
    """
    known = _KNOWN.get(kind)
    if known is None:
        raise Invalid(
            f"{kind[:40]!r} is no kind of feedback", hint=f"one of {', '.join(KINDS)}"
        )
    if len(comment) > MAX_COMMENT:
        raise Invalid(f"the comment is longer than {MAX_COMMENT:,} characters")
    number, label, apart = _READ[known](value)
    if comment:
        apart["comment"] = comment
    called = word(name or known, "name")
    return Said(kind=known, name=called, number=number, label=label, apart=apart)


def word(text: str, what: str) -> str:
    """Return *text* if it is a short, plain name; raise Invalid else."""
    if not _WORD.fullmatch(text) or text != text.strip():
        raise Invalid(
            f"{text[:40]!r} is no {what} of feedback",
            hint="up to 100 letters, digits, spaces and . @ : # + / -",
        )
    return text


_Parts = tuple[float | None, str | None, dict[str, Any]]


def _thumbs(value: Any) -> _Parts:
    if isinstance(value, bool):
        return float(value), None, {}
    found = _UP.get(value) if isinstance(value, str) else None
    if found is None:
        raise Invalid("thumbs are up or down", hint='"up", "down", true or false')
    return found, None, {}


def _score(value: Any) -> _Parts:
    if not _is_number(value):
        raise Invalid("a score is a finite number")
    return float(value), None, {}


def _label(value: Any) -> _Parts:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LABEL:
        raise Invalid(f"a label is a text of at most {MAX_LABEL} characters")
    return None, clean(value), {}


def _grade(value: Any) -> _Parts:
    """Read a number, a label, or both of one grade."""
    if not isinstance(value, list):
        return _label(value) if isinstance(value, str) else _score(value)
    if len(value) != 2:
        raise Invalid("a grade is a number, a label, or a list of these two")
    return _score(value[0])[0], _label(value[1])[1], {}


def _correction(value: Any) -> _Parts:
    if value is None or value == "":
        raise Invalid("a correction says what the answer should have been")
    return None, None, {"value": _bounded(value)}


def _outcome(value: Any) -> _Parts:
    some = value if isinstance(value, list) else [value]
    if not some or not all(_is_scalar(v) for v in some):
        raise Invalid(
            "an outcome is a number, a text, true or false, or a list of them",
            hint="a list has one for each row of the call",
        )
    return None, None, {"value": _bounded(value)}


_READ = {
    "thumbs": _thumbs,
    "score": _score,
    "label": _label,
    "correction": _correction,
    "outcome": _outcome,
    "grade": _grade,
}


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return plain and math.isfinite(float(value))
    except OverflowError:
        return False


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


def _bounded(value: Any) -> Any:
    """Return *value* as it is kept: plain JSON of a bounded size."""
    data = canonical(clean(value))
    if len(data) > MAX_VALUE_BYTES:
        raise Invalid(f"the value is larger than {MAX_VALUE_BYTES:,} bytes")
    return json.loads(data)


def clean(value: Any) -> Any:
    """Return *value* with what no database keeps replaced: NUL and half characters."""
    if isinstance(value, str):
        return (
            value.replace("\0", "\N{REPLACEMENT CHARACTER}")
            .encode("utf-8", "replace")
            .decode()
        )
    if isinstance(value, Mapping):
        return {str(clean(k)): clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value
