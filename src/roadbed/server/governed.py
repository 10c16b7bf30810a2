"""The governed path: every step a call meets, in this order, and back again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from roadbed.access.steps import Authenticate, Authorize
from roadbed.gateway.money.limits import Limits
from roadbed.gateway.money.paid import PaidOnce
from roadbed.gateway.steps import Record, Records, Resolve
from roadbed.inference.path import Path
from roadbed.inference.purse import FreeOfCharge, Purse
from roadbed.server.denials import AuditDenials, DenialWriter
from roadbed.server.metrics import Measure, Metrics
from roadbed.server.unreadable import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What this process may spend and take: kept up by whoever runs the server."""

    purse: Purse = field(default_factory=FreeOfCharge)
    limits: Limits = field(default_factory=Limits)


def governed_path(
    *,
    now_us: Callable[[], int],
    records: Records,
    region: str,
    metrics: Metrics,
    denials: DenialWriter,
    money: Money | None = None,
) -> Path:
    """Return the governed path; `finish` runs through it from the end to the start.

    What attempts cost is paid out of the purse of *money*, and its limits are kept.
    """
    kept = money or Money()
    return Path(
        [
            Measure(metrics),
            AuditDenials(denials),
            Record(records, region),
            Authenticate(now_us),
            Read(),
            Authorize(),
            Resolve(),
            kept.limits,
        ],
        PaidOnce(kept.purse),
    )
