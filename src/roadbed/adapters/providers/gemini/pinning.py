"""Which names of Gemini models stay what they are."""

import re

from roadbed.adapters.providers.gemini.config import Config

_MOVING = re.compile(r"(^|[-/])latest($|-)", re.IGNORECASE)
_NUMBERED = re.compile(r"-\d{3}$|-(preview|exp)-\d\d-(\d\d|20\d\d)$|-(exp)-\d{4}$")
_OWN = re.compile(r"^tunedModels/")


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it is a pin.

    A pin ends in a number (`-001`) or in a preview's date (`-preview-09-2025`), or is
    a model that you tuned, unless the names are `declared` to be pins.
    """
    if config.pinning == "declared":
        return None
    if _MOVING.search(upstream):
        return f"{upstream!r} follows 'latest' wherever Google moves it; {_WAY_OUT}"
    if _NUMBERED.search(upstream) or _OWN.match(upstream):
        return None
    return f"{upstream!r} has no number, so Google may move it; {_WAY_OUT}"


_WAY_OUT = (
    "use a numbered name such as gemini-2.0-flash-001; if this name is the only one "
    "that there is, set `pinning: declared` on the Provider"
)
