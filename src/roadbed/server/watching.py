"""What looks at calls once they are on record: traces, rollouts, what is served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadbed.app import App
from roadbed.gateway.served import ServedWatch
from roadbed.gateway.steps import Watch
from roadbed.gateway.tracer import Tracer
from roadbed.inference.snapshot import Snapshot
from roadbed.rollouts.flush import EVERY_S as TALLIES_EVERY_S
from roadbed.rollouts.flush import Flush
from roadbed.rollouts.tallying import Tallies
from roadbed.server.chores import Chore
from roadbed.server.metrics import Gauges
from roadbed.server.switch import Switch

SERVED_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Everything that watches, and what it needs of the server around it."""

    served: ServedWatch
    tracer: Tracer | None
    tallies: Tallies
    flush: Flush

    @property
    def watches(self) -> Sequence[Watch]:
        """What each recorded call is shown to."""
        tracing = [self.tracer.watch] if self.tracer else []
        return [self.served.watch, self.tallies.watch, *tracing]

    @property
    def begin(self) -> Sequence[Callable[[], object]]:
        """What begins with the server."""
        return [self.tracer.start] if self.tracer else []

    @property
    def end(self) -> Sequence[Callable[[], object]]:
        """What ends with it, after the last call."""
        closing = [self.tracer.close] if self.tracer else []
        return [self.served.look, self.flush, *closing]

    @property
    def chores(self) -> Sequence[Chore]:
        """What is done every few seconds."""
        return [
            Chore(name="served", every_s=SERVED_EVERY_S, work=self.served.look),
            Chore(name="tallies", every_s=TALLIES_EVERY_S, work=self.flush),
        ]

    def gauges(self) -> Gauges:
        """Return the numbers about watching."""
        tracer = self.tracer
        if tracer is None:
            return {}
        return {
            "roadbed_traces_exported": (
                "Calls that a collector of traces was told of.",
                float(tracer.exported),
            ),
            "roadbed_traces_dropped": (
                "Calls that no collector of traces was told of.",
                float(tracer.dropped),
            ),
            "roadbed_traces_queued": (
                "Calls that wait for the collector of traces.",
                float(tracer.queued),
            ),
        }


def watching(app: App, process: str, switch: Switch) -> Watching:
    """Return what watches the calls of *process*; nothing has begun yet."""

    def snapshot() -> Snapshot | None:
        serving = switch.serving
        return serving.snapshot if serving else None

    traces, tallies = app.traces(process), Tallies()
    return Watching(
        served=ServedWatch(app.database, snapshot, app.now_us),
        tracer=Tracer(traces) if traces else None,
        tallies=tallies,
        flush=Flush(app.database, tallies, process, app.now_us),
    )
