"""Which of Anthropic's names stay what they are, and which it may move."""

import re
from contextlib import suppress
from datetime import date

from roadbed.adapters.providers.anthropic.config import Config

_DATED = re.compile(r"[-@](\d{4})(\d\d)(\d\d)$")
_NUMBERED = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?")
_FIRST_WITHOUT_DATE = (4, 6)


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it is a pin.

    A pin ends in a date, as in `claude-sonnet-4-5-20250929`. From version 4.6 on,
    Anthropic gives no dates, and says that `claude-sonnet-4-6` never changes; before,
    a name without one is an alias.
    """
    if _is_dated(upstream) or _is_numbered(upstream):
        return None
    way_out = "use a name such as claude-sonnet-4-6 or claude-sonnet-4-5-20250929"
    if moving := re.search(r"-(latest|preview)$", upstream):
        return (
            f"{upstream!r} follows {moving[1]!r} wherever Anthropic moves it; {way_out}"
        )
    return f"{upstream!r} has no date, so Anthropic may move it; {way_out}"


def _is_dated(upstream: str) -> bool:
    found = _DATED.search(upstream)
    with suppress(ValueError):
        return found is not None and date(*map(int, found.groups())).year >= 2020
    return False


def _is_numbered(upstream: str) -> bool:
    found = _NUMBERED.fullmatch(upstream)
    if found is None:
        return False
    return (int(found[1]), int(found[2] or 0)) >= _FIRST_WITHOUT_DATE
