"""Which upstream names stay what they are, and which their owner may move."""

import re
from contextlib import suppress
from datetime import date

from roadbed.adapters.providers.openai.config import Config

_DATES = re.compile(r"[-@:](\d{4})-?(\d\d)-?(\d\d)(?=$|[-:@])")
_SHORT = re.compile(r"[-@](\d\d)(\d\d)(?=$|-preview$)")
_REVISION = re.compile(r"@(sha256:)?[0-9a-f]{7,64}$")
_MOVING = re.compile(
    r"(^|[-_:@./])(latest|stable|default|auto|main)($|[-_:@./])", re.IGNORECASE
)


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it is a pin.

    A pin ends in a date (`-2024-08-06`, `-20240806`, `-0613`, `-2411`) or in a
    revision (`@` and a hash), unless the provider's names are `declared` to be pins.
    """
    if config.pinning == "declared":
        return None
    way_out = (
        f"use a dated name such as {upstream.split(':')[0]}-YYYY-MM-DD; if this server "
        "never gives a name to another model, set `pinning: declared` on the Provider"
    )
    if moving := _MOVING.search(upstream):
        return (
            f"{upstream!r} follows {moving[2]!r} wherever its owner moves it; {way_out}"
        )
    if _is_dated(upstream) or _REVISION.search(upstream):
        return None
    return f"{upstream!r} has no date, so its owner may move it; {way_out}"


def _is_dated(upstream: str) -> bool:
    if any(_is_day(*map(int, found)) for found in _DATES.findall(upstream)):
        return True
    short = _SHORT.search(upstream)
    if short is None:
        return False
    one, two = int(short[1]), int(short[2])
    return _is_day(2024, one, two) or (20 <= one <= 49 and 1 <= two <= 12)


def _is_day(year: int, month: int, day: int) -> bool:
    with suppress(ValueError):
        return date(year, month, day).year >= 2020
    return False
