"""What looks at calls once they are on record: traces, grades, rollouts, names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.app import App
from roadbed.evals.announcing import Announce, Announcer, unsaid
from roadbed.gateway.outflow import Outflow
from roadbed.gateway.served import ServedWatch
from roadbed.gateway.steps import Watch
from roadbed.gateway.tracer import Tracer
from roadbed.inference.snapshot import Snapshot
from roadbed.rollouts.flush import EVERY_S as TALLIES_EVERY_S
from roadbed.rollouts.flush import Flush
from roadbed.rollouts.mirror import Pair
from roadbed.rollouts.tallying import Tallies
from roadbed.server.chores import Chore
from roadbed.server.metrics import Gauges
from roadbed.server.switch import Switch

SERVED_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """What goes out to a collector of traces: calls, and grades of them."""

    tracer: Tracer
    announcer: Announcer

    def start(self) -> None:
        """Begin."""
        self.tracer.start()
        self.announcer.start()

    def close(self) -> None:
        """Export what waits if the collector is there, and stop. Blocks."""
        self.tracer.close()
        self.announcer.close()

    def counts(self) -> Iterator[tuple[str, str, Outflow[Any]]]:
        """Yield what goes out: its name, in words, and how much of it."""
        yield "traces", "Calls", self.tracer
        yield "grades", "Grades", self.announcer


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Everything that watches, and what it needs of the server around it."""

    served: ServedWatch
    outlets: Outlets | None
    tallies: Tallies
    flush: Flush

    @property
    def watches(self) -> Sequence[Watch]:
        """What each recorded call is shown to."""
        tracing = [self.outlets.tracer.watch] if self.outlets else []
        return [self.served.watch, self.tallies.watch, *tracing]

    def paired(self, pair: Pair) -> None:
        """Take in a call and its copy."""
        self.tallies.paired(pair.rollout, pair.unit, pair.call, pair.copy, pair.flaws)

    @property
    def announce(self) -> Announce:
        """What each grade is told to."""
        return self.outlets.announcer.put if self.outlets else unsaid

    @property
    def begin(self) -> Sequence[Callable[[], object]]:
        """What begins with the server."""
        return [self.outlets.start] if self.outlets else []

    @property
    def end(self) -> Sequence[Callable[[], object]]:
        """What ends with it, after the last call."""
        closing = [self.outlets.close] if self.outlets else []
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
        found: dict[str, tuple[str, float]] = {}
        for name, what, flow in self.outlets.counts() if self.outlets else ():
            found[f"roadbed_{name}_exported"] = (
                f"{what} that a collector of traces was told of.",
                float(flow.exported),
            )
            found[f"roadbed_{name}_dropped"] = (
                f"{what} that no collector of traces was told of.",
                float(flow.dropped),
            )
            found[f"roadbed_{name}_queued"] = (
                f"{what} that wait for the collector of traces.",
                float(flow.queued),
            )
        return found


def outlets(app: App, process: str) -> Outlets | None:
    """Return what goes out of *process*, None if traces go nowhere.

    Each has a connection of its own, since each has a thread of its own.
    """
    traces, grades = app.traces(process), app.traces(process)
    if traces is None or grades is None:
        return None
    return Outlets(tracer=Tracer(traces), announcer=Announcer(grades))


def watching(app: App, process: str, switch: Switch) -> Watching:
    """Return what watches the calls of *process*; nothing has begun yet."""

    def snapshot() -> Snapshot | None:
        serving = switch.serving
        return serving.snapshot if serving else None

    tallies = Tallies()
    return Watching(
        served=ServedWatch(app.database, snapshot, app.now_us),
        outlets=outlets(app, process),
        tallies=tallies,
        flush=Flush(app.database, tallies, process, app.now_us),
    )
