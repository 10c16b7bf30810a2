"""The governed path: every step a call meets, in this order, and back again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from roadbed.access.steps import Authenticate, Authorize
from roadbed.gateway.attempts import Attempts
from roadbed.gateway.estimate import counting
from roadbed.gateway.money.limits import Limits
from roadbed.gateway.reuse.cached import Cached
from roadbed.gateway.reuse.degrading import Degrading
from roadbed.gateway.reuse.idempotent import Idempotent, Remembers
from roadbed.gateway.reuse.shed import Shed
from roadbed.gateway.reuse.shelf import Shelf
from roadbed.gateway.steps import Record, Resolve
from roadbed.inference.path import Attempt, Path, Step
from roadbed.inference.purse import FreeOfCharge, Purse
from roadbed.rollouts.steps import Assign
from roadbed.server.denials import AuditDenials, DenialWriter
from roadbed.server.metrics import Measure, Metrics
from roadbed.server.unreadable import Read

CACHE_BYTES = 8 * 1024 * 1024
MAX_CALLS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What one replica has to answer with: money, answers of before, and room.

    Without `keys`, idempotency keys are not looked at.
    """

    purse: Purse = field(default_factory=FreeOfCharge)
    limits: Limits = field(default_factory=Limits)
    keys: Remembers | None = None
    shelf: Shelf = field(default_factory=lambda: Shelf(CACHE_BYTES))
    shed: Shed = field(default_factory=lambda: Shed(MAX_CALLS))


def governed_path(
    *,
    now_us: Callable[[], int],
    record: Record,
    metrics: Metrics,
    denials: DenialWriter,
    means: Means | None = None,
    who: Step | None = None,
) -> Path:
    """Return the governed path; `finish` runs through it from the end to the start.

    *who* finds out who calls; by default that is read from the call's credential.
    """
    means = means or Means()
    return Path(
        [
            Measure(metrics),
            AuditDenials(denials),
            record,
            who or Authenticate(now_us),
            Read(),
            Assign(),
            Authorize(),
            Resolve(),
            means.shed,
            means.limits,
        ],
        answering(means, Attempts(means.purse)),
    )


def answering(means: Means, ask: Attempt) -> Attempt:
    """Return what answers a call that was let in: from the inside, *ask* first.

    Requests to count tokens pass all of it by.
    """
    cached = Cached(ask, means.shelf)
    degrading = Degrading(cached, ask, cached.oldest)
    answered = Idempotent(degrading, means.keys) if means.keys else degrading
    return counting(answered)
