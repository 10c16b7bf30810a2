"""A plan as text: one block per change, and the exact fields."""

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from roadbed.control.plan import Change, Field, Plan
from roadbed.core.digest import short

_SIGNS = {"create": "+", "follow": "~", "retire": "-"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_INDENT = " " * 4


def render(plan: Plan) -> str:
    """Return *plan* for people: the same plan, the same text, on every terminal."""
    if not plan.changes:
        return f"Nothing to change: revision {plan.base} is what is declared.\n"
    blocks = ["\n".join(_block(change)) for change in plan.changes]
    return (
        "\n\n".join([f"Plan on revision {plan.base}", *blocks, _summary(plan)]) + "\n"
    )


def _block(change: Change) -> Iterator[str]:
    note = f" ({change.note})" if change.note else ""
    sign = _SIGNS[change.action]
    yield f"{sign} {change.kind}/{change.name}: {change.action}{note}"
    width = max((len(f.path) for f in change.fields), default=0)
    for field in change.fields:
        yield from _lines(field, min(width, 52))


def _lines(field: Field, width: int) -> Iterator[str]:
    if any(isinstance(v, str) and "\n" in v for v in (field.before, field.after)):
        yield f"{_INDENT}{field.path}"
        yield from (f"{_INDENT}  {line}" for line in _diff(field))
        return
    path = f"{_clean(field.path):<{width}}"
    if field.before is None:
        yield f"{_INDENT}{path}  {_value(field.after)}"
    elif field.after is None:
        yield f"{_INDENT}{path}  {_value(field.before)} → nothing"
    else:
        yield f"{_INDENT}{path}  {_value(field.before)} → {_value(field.after)}"


def _diff(field: Field) -> Iterator[str]:
    before = str(field.before or "").splitlines()
    after = str(field.after or "").splitlines()
    for line in difflib.unified_diff(before, after, lineterm="", n=2):
        if not line.startswith(("---", "+++", "@@")):
            yield _clean(line).rstrip()


def _value(value: Any) -> str:
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return f"sha256:{short(value)}"
    text = _clean(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return _DIGEST.sub(lambda match: f"sha256:{short(match[0])}", text)


def _clean(text: str) -> str:
    """Return *text* without what could move a terminal's cursor or hide words."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _summary(plan: Plan) -> str:
    counts = [
        f"{sum(c.action == action for c in plan.changes)} to {action}"
        for action in _SIGNS
        if any(c.action == action for c in plan.changes)
    ]
    return f"{', '.join(counts)}. Plan {short(plan.digest)}."
