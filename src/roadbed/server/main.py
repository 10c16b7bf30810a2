"""Put a server together from an App, and run it."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace

from roadbed.app import App
from roadbed.console.app import make_console
from roadbed.console.custody.rooms import Rooms
from roadbed.console.identity import LiveAuthority, LiveSessions
from roadbed.console.live import LiveData
from roadbed.console.people import LivePeople
from roadbed.console.visit import Refusal
from roadbed.core.heap import share_heap
from roadbed.database.tables import current
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.money.bank import Bank
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.replicas import Presence
from roadbed.gateway.money.teller import Teller
from roadbed.gateway.recorder import Limits as SpoolLimits
from roadbed.gateway.recorder import Recorder, process_name
from roadbed.gateway.request import times_asked
from roadbed.gateway.reuse.keys import Keys
from roadbed.gateway.reuse.shed import Shed
from roadbed.gateway.reuse.shelf import Shelf
from roadbed.gateway.steps import Record
from roadbed.inference.path import Path
from roadbed.inference.snapshot import Snapshot
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.server.asgi import Application, make_asgi
from roadbed.server.chores import Chore, Chores
from roadbed.server.dataplane import DataPlane
from roadbed.server.denials import DenialWriter
from roadbed.server.evaluating.replays import Replays
from roadbed.server.governed import Means, governed_path
from roadbed.server.guard import Guard
from roadbed.server.learning import learning
from roadbed.server.lifecycle import Closer, Lifecycle
from roadbed.server.limits import Limits
from roadbed.server.metrics import Gauges, Metrics
from roadbed.server.mirroring import Mirror
from roadbed.server.mlflow.app import make_mlflow
from roadbed.server.newcomers import Newcomers
from roadbed.server.oauth import OPEN_ROUTES
from roadbed.server.origin import allowed_hosts
from roadbed.server.reload import Reloader
from roadbed.server.rest import ConsoleRoute, Rest, make_rest
from roadbed.server.rolling import Rolling, rolling
from roadbed.server.serve import Server, listen
from roadbed.server.serve import serve as run
from roadbed.server.services import Services
from roadbed.server.switch import Switch
from roadbed.server.table import all_routes, api_routes
from roadbed.server.telemetry import make_telemetry
from roadbed.server.watching import Watching, watching

CHECKPOINT_EVERY_S = 1.0
COPIES_EVERY_S = 5.0
REPLICAS_EVERY_S = 1.0
STATEMENTS_EVERY_S = 5.0
SEAL_LOOK_EVERY_S = 0.25
SIGNING_KEY_EVERY_S = 3600.0
PURGE_EVERY_S = 600.0
REPLAYS_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one server process that others look at."""

    switch: Switch
    guard: Guard
    metrics: Metrics
    recorder: Recorder
    keeper: Keeper
    denials: DenialWriter
    purse: Budgets
    presence: Presence
    plane: DataPlane
    means: Means
    watching: Watching
    rolling: Rolling
    mirror: Mirror
    reloader: Reloader
    process: str


def serve(app: App, announce: Callable[[str], None]) -> None:
    """Serve *app* until SIGINT or SIGTERM; *announce* is told where, once it is so."""
    share_heap()
    closer = Closer()
    parts = assemble(app, closer)
    listener = listen(app.settings.host, app.settings.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host

    def started() -> None:
        announce(f"serving on http://{shown}:{port}, console at /console")
        for name, reason in sorted(parts.switch.snapshot.broken.items()):
            announce(f"  not served: {name}: {reason}")

    server = Server(application(app, parts), limits_of(app), started)
    run(server, lifecycle(app, parts, closer), listener)
    announce("stopped; the log is sealed")


def assemble(app: App, closer: Closer) -> Parts:
    """Return the parts of a server, not yet started."""
    settings = app.settings
    process = process_name(platform.node())
    keeper = Keeper(settings.state, app.sealer, process)
    recorder = _recorder(app, keeper)
    denials = DenialWriter(app.audit, keeper)
    metrics = Metrics()
    switch = Switch(closer.discard)
    watchers = watching(app, process, switch)
    guard = Guard(denials, app.now_us, settings.public_address)
    purse = purse_of(app, process)
    where = settings.region, app.clock
    mirror = Mirror(switch, purse, recorder, where, watchers.watches, watchers.paired)
    means = replace(means_of(app, purse), mirror=mirror)
    path = governed_path(
        now_us=app.now_us,
        record=Record(recorder, settings.region, watches=watchers.watches),
        metrics=metrics,
        denials=denials,
        means=means,
    )
    return Parts(
        switch=switch,
        guard=guard,
        metrics=metrics,
        recorder=recorder,
        keeper=keeper,
        denials=denials,
        purse=purse,
        presence=presence_of(app, process, means, switch),
        plane=plane_of(app, path, switch, guard, recorder),
        means=means,
        watching=watchers,
        rolling=rolling(app, process, switch),
        mirror=mirror,
        reloader=reloader_of(app, switch, keeper),
        process=process,
    )


def reloader_of(app: App, switch: Switch, keeper: Keeper) -> Reloader:
    """Return what keeps *switch* on what was last applied."""

    def revision() -> int:
        with app.database.read() as connection:
            return current(connection, "serving")

    return Reloader(revision, app.compile, switch, keeper)


def presence_of(app: App, process: str, means: Means, switch: Switch) -> Presence:
    """Return what counts the replicas, as long as there are limits to share."""

    def needed() -> bool:
        # Before the first snapshot nobody knows yet.
        return switch.serving is None or bool(switch.snapshot.limits)

    return Presence(app.database, process, means.limits, app.now_us, needed)


def _recorder(app: App, keeper: Keeper) -> Recorder:
    settings = app.settings
    limits = SpoolLimits(
        seal_bytes=settings.seal_bytes, seal_seconds=settings.seal_seconds
    )
    return Recorder(keeper, limits)


def means_of(app: App, purse: Budgets) -> Means:
    """Return what a replica has to answer with, as settings allow."""
    return Means(
        purse=purse,
        keys=Keys(app.database, app.now_us),
        shelf=Shelf(app.settings.cache_bytes),
        shed=Shed(app.settings.max_calls),
    )


def plane_of(
    app: App, path: Path, switch: Switch, guard: Guard, recorder: Recorder
) -> DataPlane:
    """Return the data plane, healthy as long as *recorder* is."""
    plane = DataPlane(
        switch=switch,
        path=path,
        guard=guard,
        region=app.settings.region,
        clock=app.clock,
        limits=limits_of(app),
    )
    plane.healthy = lambda: recorder.healthy
    return plane


def purse_of(app: App, process: str) -> Budgets:
    """Return what keeps the budgets in this process."""
    return Budgets(Teller(Bank(app.database, process), app.now_us), app.now_us)


def limits_of(app: App) -> Limits:
    """Return the limits that this line's settings give."""
    return Limits(body_bytes=app.settings.max_body_bytes)


def lifecycle(app: App, parts: Parts, closer: Closer) -> Lifecycle:
    """Return what begins and ends with the server."""
    announce = parts.watching.announce
    learners = Chores(learning(app, parts.process, announce), parts.keeper)
    lookers = Chores(parts.rolling.looking, parts.keeper)
    errands = errands_of(app, parts)
    return Lifecycle(
        switch=parts.switch,
        closer=closer,
        reloader=parts.reloader,
        denials=parts.denials,
        chores=chores_of(app, parts),
        begin=[
            parts.presence.look,
            parts.recorder.start,
            app.tokens.signing.ensure,
            learners.start,
            lookers.start,
            errands.start,
            *parts.watching.begin,
        ],
        end=[
            learners.stop,
            lookers.stop,
            errands.stop,
            *parts.rolling.end,
            parts.purse.close,
            parts.presence.leave,
            parts.recorder.close,
            app.audit.checkpoint,
            *parts.watching.end,
        ],
        cease=[parts.mirror.close],
    )


def chores_of(app: App, parts: Parts) -> Chores:
    """Return what is done every few seconds, away from the answers."""
    return Chores(
        [
            Chore(
                name="checkpoint", every_s=CHECKPOINT_EVERY_S, work=app.audit.checkpoint
            ),
            Chore(name="replicas", every_s=REPLICAS_EVERY_S, work=parts.presence.look),
            Chore(
                name="seal",
                every_s=SEAL_LOOK_EVERY_S,
                work=SealOnRequest(app, parts.recorder),
            ),
            Chore(
                name="signing-key",
                every_s=SIGNING_KEY_EVERY_S,
                work=app.tokens.signing.ensure,
            ),
            Chore(
                name="idempotency",
                every_s=PURGE_EVERY_S,
                work=Keys(app.database, app.now_us).purge,
            ),
            Chore(
                name="budgets",
                every_s=PURGE_EVERY_S,
                work=parts.purse.forget,
            ),
            Chore(name="replays", every_s=REPLAYS_EVERY_S, work=Replays(app).look),
            *parts.watching.chores,
            *parts.rolling.chores,
        ],
        parts.keeper,
    )


def errands_of(app: App, parts: Parts) -> Chores:
    """Return what waits for others: nobody must think meanwhile that we are gone."""
    return Chores(
        [
            Chore(
                name="statements", every_s=STATEMENTS_EVERY_S, work=app.prover.seal_rest
            ),
            Chore(name="copies", every_s=COPIES_EVERY_S, work=app.deliver),
        ],
        parts.keeper,
    )


class SealOnRequest:
    """Seals this process's spool when somebody asked for it."""

    def __init__(self, app: App, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._seen = self._asked()

    def __call__(self) -> None:
        """Look once."""
        if (asked := self._asked()) != self._seen:
            self._recorder.seal_soon()
            self._seen = asked

    def _asked(self) -> int:
        with self._app.database.read() as connection:
            return times_asked(connection)


def services(app: App, parts: Parts) -> Services:
    """Return the rooms that the control API works with."""
    return Services(
        clock=app.clock,
        database=app.database,
        audit=app.audit,
        copies=app.checkpoints,
        places=app.copies,
        public_key=app.public_key,
        calls=app.calls,
        datasets=app.datasets,
        runs=app.runs,
        desk=app.desk,
        why=app.why,
        prover=app.prover,
        comparer=app.comparer,
        tokens=app.tokens,
        refused=parts.denials.refused,
        pending=parts.keeper.pending,
        gauges=lambda: _gauges(parts),
        healthy=lambda: parts.recorder.healthy,
    )


def application(app: App, parts: Parts) -> Application:
    """Return everything that answers on the one port."""
    rest = Rest(
        services=services(app, parts),
        switch=parts.switch,
        guard=parts.guard,
        limits=limits_of(app),
    )
    routes, pages = api_routes(parts.metrics), console(app, parts)
    all_routes(routes, pages)  # Refuses to begin with one that declares no action.
    hosts = allowed_hosts(app.settings.host, app.settings.allowed_host_names)
    shown = make_rest(rest, routes, pages, OPEN_ROUTES)
    shown = make_telemetry(rest, make_mlflow(rest, shown, app.blobs))
    newcomers = Newcomers(parts.switch, parts.reloader.look_for_change)
    return make_asgi(parts.plane, shown, hosts, newcomers.meet)


def console(app: App, parts: Parts) -> list[ConsoleRoute]:
    """Return the console over the real rooms, as this process sees them."""

    def snapshot() -> Snapshot:
        return parts.switch.snapshot

    def refused(refusal: Refusal) -> None:
        reason = f"{refusal.reason} ({refusal.where})"
        parts.denials.refused(refusal.principal, refusal.action, refusal.target, reason)

    data = LiveData(
        database=app.database,
        calls=app.calls,
        audit=app.audit,
        why=app.why,
        snapshot=snapshot,
        rooms=rooms(app),
    )
    sessions = LiveSessions(database=app.database, snapshot=snapshot, now_us=app.now_us)
    people = LivePeople(
        database=app.database,
        snapshot=snapshot,
        relying=app.relying,
        public_url=app.settings.public_address,
    )
    return make_console(
        data,
        sessions,
        LiveAuthority(snapshot, app.now_us),
        refused=refused,
        now_us=app.now_us,
        people=people,
    )


def rooms(app: App) -> Rooms:
    """Return where the console finds models, datasets and runs."""
    return Rooms(
        database=app.database,
        blobs=app.blobs,
        datasets=app.datasets,
        runs=app.runs,
        artifacts=Artifacts(app.database, app.blobs, app.clock),
        calls=app.calls,
        prover=app.prover,
        comparer=app.comparer,
    )


def _gauges(parts: Parts) -> Gauges:
    counts = parts.recorder.counts
    serving = parts.switch.serving
    shelf = parts.means.shelf
    return {
        "roadbed_cache_bytes": ("Memory of kept answers.", float(shelf.bytes)),
        "roadbed_cache_answers": ("Answers that are kept.", float(len(shelf))),
        "roadbed_spool_queued": (
            "Calls that wait for the disk.",
            float(parts.recorder.queued),
        ),
        "roadbed_spool_written": ("Calls put into the spool.", float(counts.written)),
        "roadbed_snapshot_revision": (
            "The revision of the stack that is served.",
            float(serving.snapshot.revision if serving else 0),
        ),
        **parts.watching.gauges(),
        **parts.mirror.gauges(),
    }
