"""Numbers and times as people read them. Registered as filters of the templates."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from roadbed.core.actor import Principal
from roadbed.core.clock import from_us, to_text
from roadbed.core.digest import short
from roadbed.gateway.money.rule import dollars

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_FLAT = re.compile(r"\[\n\s*([^\[\]{}]*?)\n\s*\]")
"""A list without lists or objects in it. Within JSON a bare newline is structure."""


def count(number: int) -> str:
    """Return *number* with its thousands apart: `12,345`."""
    return f"{number:,}"


def duration(us: int | None) -> str:
    """Return a duration in the unit that keeps it short: `840 µs`, `12.4 ms`."""
    if us is None:
        return NOTHING
    for below, divisor, unit in _UNITS:
        if us < below:
            return f"{_three(us / divisor)} {unit}"
    minutes, seconds = divmod(round(us / 1_000_000), 60)
    return f"{minutes} min {seconds} s"


def share(part: float) -> str:
    """Return a share as per cent: `0.4 %`; a small one is never shown as none."""
    if part <= 0:
        return "0 %"
    return "< 0.1 %" if part < 0.001 else f"{part * 100:.1f} %"


def usd(nano: int) -> str:
    """Return billionths of a US dollar as people read them: `$1,204.50`, `$0.0031`."""
    if nano == 0 or nano >= 999_950_000:
        return f"${nano / 10**9:,.2f}"
    if nano < 10**5:
        return "< $0.0001"
    cents, rest = divmod(round(nano / 10**5), 100)
    return f"$0.{cents:02d}" + (f"{rest:02d}".rstrip("0") if rest else "")


def ago(us: int, now_us: int) -> str:
    """Return how long before *now_us* something was: `3 min ago`."""
    seconds = (now_us - us) // 1_000_000
    if seconds < 10:
        return "just now"
    for below, divisor, unit in (
        (120, 1, "s"),
        (7200, 60, "min"),
        (172_800, 3600, "h"),
    ):
        if seconds < below:
            return f"{seconds // divisor} {unit} ago"
    return f"{seconds // 86_400} d ago"


def utc(us: int) -> str:
    """Return a moment to the second, in UTC: `2026-11-20 10:00:00`."""
    return from_us(us).strftime("%Y-%m-%d %H:%M:%S")


def amount(value: float) -> str:
    """Return a number with three digits that matter: `0.0831`, `1,024`, `5.1e-07`."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.3g}"


def signed(value: float) -> str:
    """Return *value* with its sign, with a true minus sign."""
    text = amount(abs(value))
    return text if value == 0 else f"{'+' if value > 0 else MINUS}{text}"


def value(given: float | str) -> str:
    """Return a feature's value: numbers shortened, words as they are."""
    return given if isinstance(given, str) else amount(given)


def pretty(text: str) -> str:
    """Return JSON text indented; any other text as it is."""
    try:
        return as_json(json.loads(text))
    except ValueError:
        return text


def as_json(plain: Any) -> str:
    """Return plain data as indented JSON, a list of numbers or words on one line."""
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    return _FLAT.sub(lambda found: _on_one_line(found[1]), text)


def sentence(text: str) -> str:
    """Return *text* as a sentence: a capital at its start, a full stop at its end."""
    start = text[:1].upper() + text[1:]
    return start if start[-1:] in (".", "!", "?", "") else start + "."


def plural(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural where it is one: `2 calls`."""
    endings = {"y": "ies", "s": "ses"}
    many = noun[:-1] + "ies" if noun[-1] == "y" else noun + endings.get(noun[-1], "s")
    return f"{number:,} {noun if number == 1 else many}"


def _on_one_line(items: str) -> str:
    return "[" + re.sub(r",\n\s*", ", ", items) + "]"


def _three(number: float) -> str:
    return (
        f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"
    )


_UNITS = ((1_000, 1, "µs"), (1_000_000, 1_000, "ms"), (60_000_000, 1_000_000, "s"))


def called(principal: Principal) -> str:
    """Return what people call *principal*: a name that proves nothing.

    A person without one is called by their subject, without the issuer.
    """
    if principal.kind != "user":
        return principal.name
    return principal.title or principal.name.partition("#")[2]


FILTERS: Mapping[str, Callable[..., str]] = {
    "ago": ago,
    "amount": amount,
    "as_json": as_json,
    "called": called,
    "count": count,
    "duration": duration,
    "iso": to_text,
    "plural": plural,
    "pretty": pretty,
    "share": share,
    "sentence": sentence,
    "short": short,
    "signed": signed,
    "usd": usd,
    "usd_exact": dollars,
    "utc": utc,
    "value": value,
}
