"""Which names of Bedrock models stay what they are."""

import re

from roadbed.adapters.providers.bedrock.config import Config

_VERSIONED = re.compile(r"-v?\d+:\d+(:\d+k)?$|-v\d+$|-20\d{6}(-|$)")
_FIXED = ("custom-model/", "imported-model/", "application-inference-profile/")


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it is a pin.

    A pin ends in a version (`-v1:0`), or is the ARN of a model or profile of your own
    that cannot be changed, unless the names are `declared` to be pins.
    """
    if config.pinning == "declared":
        return None
    if _VERSIONED.search(upstream) or any(f":{kind}" in upstream for kind in _FIXED):
        return None
    return (
        f"{upstream!r} has no version, so it may become another model; use a name such "
        "as amazon.nova-pro-v1:0; if this one never is given to another model, set "
        "`pinning: declared` on the Provider"
    )
