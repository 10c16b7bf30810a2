"""The governed path: every step a call meets, in this order, and back again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from roadbed.access.steps import Authenticate, Authorize
from roadbed.gateway.reuse.cached import Cached
from roadbed.gateway.reuse.degrading import Degrading
from roadbed.gateway.reuse.idempotent import Idempotent, Remembers
from roadbed.gateway.reuse.shed import Shed
from roadbed.gateway.reuse.shelf import Shelf
from roadbed.gateway.steps import Record, Records, Resolve
from roadbed.inference.path import Attempt, Path, ask_once
from roadbed.server.denials import AuditDenials, DenialWriter
from roadbed.server.metrics import Measure, Metrics
from roadbed.server.unreadable import Read

CACHE_BYTES = 64 * 1024 * 1024
MAX_CALLS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """What one replica holds of answers and of calls under way.

    Without `keys`, idempotency keys are not looked at.
    """

    keys: Remembers | None = None
    shelf: Shelf = field(default_factory=lambda: Shelf(CACHE_BYTES))
    shed: Shed = field(default_factory=lambda: Shed(MAX_CALLS))


def governed_path(
    *,
    now_us: Callable[[], int],
    records: Records,
    region: str,
    metrics: Metrics,
    denials: DenialWriter,
    reuse: Reuse | None = None,
) -> Path:
    """Return the governed path; `finish` runs through it from the end to the start."""
    reuse = reuse or Reuse()
    return Path(
        [
            Measure(metrics),
            AuditDenials(denials),
            Record(records, region),
            Authenticate(now_us),
            Read(),
            Authorize(),
            Resolve(),
            reuse.shed,
        ],
        answering(reuse, ask_once),
    )


def answering(reuse: Reuse, ask: Attempt) -> Attempt:
    """Return what answers a call that was let in: from the inside, *ask* first."""
    cached = Cached(ask, reuse.shelf)
    degrading = Degrading(cached, ask, cached.oldest)
    return Idempotent(degrading, reuse.keys) if reuse.keys else degrading
