"""Which versions an endpoint may be answered by: pinned, or served by a rollout."""

import math
from typing import Literal

from roadbed.control.readable import Content, pins_of
from roadbed.core.reference import VersionRef, parse
from roadbed.rollouts.rollout import Rollout, Served, served

How = Literal["serves", "stands by"]


def answering(endpoint: Content, newest: Rollout | None) -> list[VersionRef]:
    """Return the versions that may answer at *endpoint*, each once.

    *newest* is its newest rollout: the versions of one that is under way are among
    them, and what is served in spite of the pin.
    """
    now = served(endpoint["spec"]["model"], newest, math.inf)
    by_rollout = (parse(name) for name in (now.base, now.candidate) if name)
    return list(dict.fromkeys((*pins_of(endpoint), *by_rollout)))


def ways(endpoint: Content, now: Served) -> dict[VersionRef, How]:
    """Return how each version may answer at *endpoint*: it serves, or stands by.

    *now* is what the endpoint serves. What is pinned and not served, as after a
    rollback, is left out.
    """
    _, *others = pins_of(endpoint)
    names = (now.base, now.candidate if now.weight else "")
    found: dict[VersionRef, How] = {parse(n): "serves" for n in names if n}
    for ref in others:
        found.setdefault(ref, "stands by")
    return found
