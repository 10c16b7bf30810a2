"""Chores of rollouts: say what is served here, look at them, and raise alerts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from roadbed.app import App
from roadbed.control.rollouts import drifts
from roadbed.database.engine import Database
from roadbed.database.tables import current
from roadbed.gateway.alerts import Alert, clear_others, raise_alert
from roadbed.inference.snapshot import Snapshot
from roadbed.rollouts import store
from roadbed.rollouts.controller import Controller
from roadbed.rollouts.presence import Presence
from roadbed.rollouts.rollout import CONTROLLER
from roadbed.server.chores import Chore
from roadbed.server.switch import Switch

SAY_EVERY_S = 1.0
PAUSED, INCONCLUSIVE = "rollout.paused", "rollout.inconclusive"
ROLLED_BACK = "rollout.rolled-back"
CODES = (PAUSED, INCONCLUSIVE, ROLLED_BACK)


@dataclass(kw_only=True)
class Alerts:
    """Tells of rollouts that wait for people, or were rolled back without any."""

    database: Database
    now_us: Callable[[], int]
    _seen: int = field(default=-1, init=False)

    def look(self) -> None:
        """Raise and clear what has changed since it looked before."""
        with self.database.read() as connection:
            seen = current(connection, "serving")
            if seen == self._seen:
                return
            found = list(wanted(connection))
        with self.database.write() as connection:
            for alert in found:
                raise_alert(connection, alert, self.now_us())
            for code in CODES:
                kept = [alert.message for alert in found if alert.code == code]
                clear_others(connection, code, kept, self.now_us())
        self._seen = seen


def wanted(connection: sa.Connection) -> Iterator[Alert]:
    """Yield what people should look at: only what came about without them."""
    codes = {"paused": PAUSED, "inconclusive": INCONCLUSIVE}
    for rollout in store.all_active(connection):
        state = rollout.state
        code = codes.get(state.phase)
        if code and _by_itself(connection, rollout.id, state.phase):
            yield Alert(
                code=code,
                message=f"the rollout of {rollout.endpoint} to {rollout.new} is "
                f"{state.phase}: {state.reason}",
                detail={"rollout": rollout.id, "endpoint": rollout.endpoint},
            )
    for drift in drifts(connection):
        if _by_itself(connection, drift.rollout, "rolling_back"):
            yield Alert(
                code=ROLLED_BACK,
                message=f"{drift.endpoint} went back to {drift.served} from "
                f"{drift.pinned}: {drift.reason}",
                detail={"rollout": drift.rollout, "endpoint": drift.endpoint},
            )


def _by_itself(connection: sa.Connection, rollout_id: str, phase: str) -> bool:
    """Say whether the evidence, and no person, brought the rollout to *phase* last."""
    led = [c for c in store.changes_of(connection, rollout_id) if c.phase == phase]
    return bool(led) and led[-1].actor == CONTROLLER


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """What one server does for rollouts, beside answering."""

    presence: Presence
    controller: Controller
    alerts: Alerts

    @property
    def chores(self) -> Sequence[Chore]:
        """What is short, and done among the others."""
        said = Chore(name="rollouts", every_s=SAY_EVERY_S, work=self.presence.look)
        return [said]

    @property
    def looking(self) -> Sequence[Chore]:
        """What may take longer, and has a thread of its own."""
        every_s = self.controller.look_s
        return [Chore(name="rollout-looks", every_s=every_s, work=self.look)]

    @property
    def end(self) -> Sequence[Callable[[], object]]:
        """What is done when the server stops."""
        return [self.controller.leave, self.presence.leave]

    def look(self) -> None:
        """Look at the rollouts if nobody else does, and tell of what became of them."""
        if self.controller.look():
            self.alerts.look()


def rolling(app: App, process: str, switch: Switch) -> Rolling:
    """Return what *process* does for rollouts; *switch* has what it serves."""

    def seen() -> Snapshot | None:
        return switch.serving.snapshot if switch.serving else None

    return Rolling(
        presence=Presence(app.database, process, seen, app.now_us),
        controller=Controller(
            database=app.database,
            holder=process,
            now_us=app.now_us,
            look_s=app.settings.rollout_look_s,
        ),
        alerts=Alerts(database=app.database, now_us=app.now_us),
    )
