"""Which deployments stay what they are."""

import re

from roadbed.adapters.providers.azure.config import Config

_DATED = re.compile(r"20[2-4]\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why the deployment *upstream* may change, or None if it is a pin.

    A deployment's name is yours: it counts as a pin if the model's date is in it, or
    if you have `declared` that your deployments are never upgraded.
    """
    if config.pinning == "declared" or _DATED.search(upstream):
        return None
    return (
        f"the deployment {upstream!r} does not say by its name which model it is; name "
        "it after the model and its date (gpt-4o-2024-08-06), or forbid automatic "
        "upgrades on it and set `pinning: declared` on the Provider"
    )
