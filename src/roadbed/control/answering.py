"""Which versions an endpoint may be answered by: pinned, or served by a rollout."""

import math

from roadbed.control.readable import Content, pins_of
from roadbed.core.reference import VersionRef, parse
from roadbed.rollouts.rollout import Rollout, served


def answering(endpoint: Content, newest: Rollout | None) -> list[VersionRef]:
    """Return the versions that may answer at *endpoint*, each once.

    *newest* is its newest rollout: the versions of one that is under way are among
    them, and what is served in spite of the pin.
    """
    now = served(endpoint["spec"]["model"], newest, math.inf)
    by_rollout = (parse(name) for name in (now.base, now.candidate) if name)
    return list(dict.fromkeys((*pins_of(endpoint), *by_rollout)))
