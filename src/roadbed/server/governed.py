"""The governed path: every step a call meets, in this order, and back again."""

from collections.abc import Callable

from roadbed.access.steps import Authenticate, Authorize
from roadbed.gateway.attempts import Attempts
from roadbed.gateway.estimate import counting
from roadbed.gateway.steps import Record, Records, Resolve
from roadbed.inference.path import Attempt, Path
from roadbed.inference.purse import FreeOfCharge, Purse
from roadbed.server.denials import AuditDenials, DenialWriter
from roadbed.server.metrics import Measure, Metrics
from roadbed.server.unreadable import Read


def governed_path(
    *,
    now_us: Callable[[], int],
    records: Records,
    region: str,
    metrics: Metrics,
    denials: DenialWriter,
    purse: Purse | None = None,
) -> Path:
    """Return the governed path; `finish` runs through it from the end to the start."""
    return Path(
        [
            Measure(metrics),
            AuditDenials(denials),
            Record(records, region),
            Authenticate(now_us),
            Read(),
            Authorize(),
            Resolve(),
        ],
        attempt(purse or FreeOfCharge()),
    )


def attempt(purse: Purse) -> Attempt:
    """Return what waits for an answer: the attempts, and what stands around them."""
    return counting(Attempts(purse))
