"""Which of Anthropic's names stay what they are, and which it may move."""

import re
from contextlib import suppress
from datetime import date

from roadbed.adapters.providers.anthropic.config import Config

_DATED = re.compile(r"[-@](\d{4})(\d\d)(\d\d)$")


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it is a pin.

    A pin ends in a date, as in `claude-sonnet-4-20250514`.
    """
    found = _DATED.search(upstream)
    with suppress(ValueError):
        if found is not None and date(*map(int, found.groups())).year >= 2020:
            return None
    way_out = "use a dated name such as claude-sonnet-4-20250514"
    if upstream.endswith("-latest"):
        return f"{upstream!r} follows the latest version; {way_out}"
    return f"{upstream!r} has no date, so Anthropic may move it; {way_out}"
