"""The governed path: every step a call meets, in this order, and back again."""

from collections.abc import Callable, Sequence

from roadbed.access.steps import Authenticate, Authorize
from roadbed.gateway.steps import Record, Records, Resolve, Watch
from roadbed.inference.path import Path
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
    watches: Sequence[Watch] = (),
) -> Path:
    """Return the governed path; `finish` runs through it from the end to the start."""
    return Path(
        [
            Measure(metrics),
            AuditDenials(denials),
            Record(records, region, watches=watches),
            Authenticate(now_us),
            Read(),
            Authorize(),
            Resolve(),
        ]
    )
