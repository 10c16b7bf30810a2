"""What calls have cost, by whatever they are told apart by."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from roadbed.core.errors import Invalid
from roadbed.gateway.history import Spend
from roadbed.gateway.money.scope import TEAM

DAY_US = 86_400_000_000
WAYS = ("endpoint", "model", "provider", "principal", "tenant", "team", "day")
"""What a cost can be split by; `label:NAME` besides, for any label."""
COPIES = " (mirrored)"
"""Follows the name of an endpoint, or a caller, in the cost of copies of its calls."""
_CAUSED = ("endpoint", "principal", "team")
_LABEL = re.compile(r"label:([A-Za-z][A-Za-z0-9_.-]{0,62})")
_SINCE = re.compile(r"([1-9][0-9]{0,3})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the calls of one group cost, in billionths of a US dollar."""

    name: str
    calls: int = 0
    unpriced: int = 0
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def label_of(by: str) -> str:
    """Return the label that *by* splits by, empty if none; may raise Invalid."""
    if by == TEAM:
        return TEAM
    if by in WAYS:
        return ""
    if match := _LABEL.fullmatch(by):
        return match[1]
    raise Invalid(
        f"costs are not split by {by[:80]!r}",
        hint=f"write one of {', '.join(WAYS)}, or label:NAME",
    )


def costs(found: Iterable[Spend], by: str) -> list[Cost]:
    """Add up *found* by *by*, the dearest first; days in their own order.

    What a rollout mirrored is apart from what callers of an endpoint caused.
    """
    label = label_of(by)
    groups: dict[str, Cost] = {}
    for each in found:
        name = _name(each, by, label)
        known = groups.get(name) or Cost(name=name)
        groups[name] = Cost(
            name=name,
            calls=known.calls + each.calls,
            unpriced=known.unpriced + each.unpriced,
            cost_nano=known.cost_nano + each.cost_nano,
            input_tokens=known.input_tokens + each.input_tokens,
            output_tokens=known.output_tokens + each.output_tokens,
        )
    if by == "day":
        return sorted(groups.values(), key=lambda cost: cost.name)
    return sorted(groups.values(), key=lambda cost: (-cost.cost_nano, cost.name))


def since_us(text: str, now_us: int) -> int:
    """Return the time that *text* is before *now_us*: 12h, 7d or 4w."""
    match = _SINCE.fullmatch(text)
    if match is None:
        raise Invalid(
            f"{text[:40]!r} is no stretch of time", hint="write 12h, 7d or 4w"
        )
    return max(now_us - int(match[1]) * _HOURS[match[2]] * 3_600_000_000, 0)


def _name(spend: Spend, by: str, label: str) -> str:
    copies = COPIES if spend.mirrored and by in _CAUSED else ""
    if label:
        return f"{spend.label}{copies}"
    if by == "day":
        return f"{datetime.fromtimestamp(spend.at_us // 1_000_000, UTC):%Y-%m-%d}"
    return f"{getattr(spend, by)}{copies}"
