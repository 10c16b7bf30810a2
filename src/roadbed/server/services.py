"""What the control API works with: everything it may use, and nothing it may not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from roadbed.audit.log import AuditLog
from roadbed.control.desk import Desk
from roadbed.control.proof.prover import Prover
from roadbed.control.questions.compare import Comparer
from roadbed.control.token_service import TokenService
from roadbed.control.why import Chain
from roadbed.core.actor import Principal
from roadbed.core.clock import Clock, to_us
from roadbed.core.decision import Target
from roadbed.core.turns import Turns
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database
from roadbed.gateway.alerts import Alert
from roadbed.gateway.calls import CallLog
from roadbed.ports.copies import Copies
from roadbed.registry.runs import Runs
from roadbed.server.metrics import Gauges


def _none() -> list[Alert]:
    return []


def _no_gauges() -> Gauges:
    return {}


def _well() -> bool:
    return True


def _one_at_a_time() -> Turns:
    return Turns(
        at_once=1,
        patience_s=1.0,
        busy="this server verifies or compares something else just now",
        hint="ask again in a moment; the command line does not wait for it",
    )


class Refused(Protocol):
    """Writes down that somebody was refused something; blocks until it is written."""

    def __call__(
        self, principal: Principal | None, action: str, target: Target, reason: str
    ) -> None:
        """Write it down."""
        ...


def _unwritten(
    principal: Principal | None, action: str, target: Target, reason: str
) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The rooms behind the control API. All of them block: never on the loop.

    `copies` is the folder of the checkpoints' copies, `places` are those of others,
    `pending` the alerts that the database could not take, `gauges` what a scrape
    reads at its moment, `comparer` compares for whoever may see what it is told,
    `healthy` whether calls can be put on record, `refused` writes refusals down, and
    `heavy` lets one caller at a time have much read or hashed.
    """

    clock: Clock
    database: Database
    audit: AuditLog
    copies: Path
    public_key: str
    calls: CallLog
    datasets: Datasets
    runs: Runs
    desk: Desk
    why: Callable[[str], Chain]
    prover: Prover
    comparer: Callable[[Callable[[str], bool]], Comparer]
    tokens: TokenService
    places: tuple[Copies, ...] = ()
    pending: Callable[[], list[Alert]] = field(default=_none)
    gauges: Callable[[], Gauges] = field(default=_no_gauges)
    healthy: Callable[[], bool] = field(default=_well)
    refused: Refused = field(default=_unwritten)
    heavy: Turns = field(default_factory=_one_at_a_time)

    def now_us(self) -> int:
        """Return the current time in microseconds since 1970, UTC."""
        return to_us(self.clock.now())


Params = Mapping[str, str]
"""The named parts of an address."""
