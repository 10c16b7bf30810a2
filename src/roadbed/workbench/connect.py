"""Open a workbench on the line in this folder, in the name of the key that is here."""

import atexit
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import roadbed.adapters.exporters
from roadbed.access.visible import nothing
from roadbed.app import App, open_app
from roadbed.control.feedback import Ear
from roadbed.control.readable import dataset_target
from roadbed.control.state import Revision, current_resources
from roadbed.control.versions import target_of
from roadbed.core import plugins
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef
from roadbed.core.resource import tenant_of
from roadbed.evals.feedback import Feedbacks
from roadbed.gateway.reuse.keys import Keys
from roadbed.registry.exporter import Exporter
from roadbed.registry.kinds import Model
from roadbed.settings import load
from roadbed.workbench import watch
from roadbed.workbench.bed import Bed
from roadbed.workbench.current import OPEN
from roadbed.workbench.live import LiveRun

EXPORTERS = "roadbed.exporters"


def connect(folder: str | Path | None = None) -> Bed:
    """Return a workbench on the line in *folder*, or in this one or above.

    Acts with the key in ROADBED_KEY, else with the one that `roadbed login` kept.
    Raises NotFound where there is no line, Unauthenticated without a valid key.
    """
    here = Path.cwd() if folder is None else Path(folder).resolve()
    settings = load(folder=here)
    app = open_app(settings)
    watch.begin()
    return bed_of(app, app.authenticate(settings.own_key()), here)


def bed_of(app: App, actor: Principal, here: Path) -> Bed:
    """Return a workbench on *app* for *actor*, whose code is in the folder *here*."""
    settings = app.settings

    def allow(action: str, target: Target) -> None:
        found = app.find(actor, target.kind, target.name)
        absent = nothing(actor, target.kind, target.name)
        app.require(actor, action, found or absent, asked=target)
        if found is None and target.kind in ("Dataset", "Model"):
            _must_be_declared(app, actor, target.kind, target.name)

    return Bed(
        database=app.database,
        datasets=app.datasets,
        runs=app.runs,
        blobs=app.blobs,
        clock=app.clock,
        exporters=_exporter,
        models=lambda name: _model(app, actor, name),
        declared=lambda kind, name: _must_be_declared(app, actor, kind, name),
        dataset_target=lambda name: _dataset(app, actor, name),
        version_target=lambda ref: _version(app, ref),
        actor=actor,
        allow=allow,
        viewer=lambda: app.viewer(actor),
        resolve=app.secrets.resolve,
        hear=lambda spoken: _ear(app, actor).hear(spoken),
        folder=here,
        state=settings.state.resolve(),
        joins=settings.run,
        pins=settings.pinned,
    )


def _ear(app: App, actor: Principal) -> Ear:
    said = Feedbacks(app.database, app.now_us)
    keys = Keys(app.database, app.now_us)
    return Ear(viewer=app.viewer(actor), calls=app.calls, feedbacks=said, keys=keys)


def _exporter(library: str) -> Exporter:
    return plugins.find(roadbed.adapters.exporters, EXPORTERS, library).exporter()


def _model(app: App, actor: Principal, name: str) -> Model:
    declared = _must_be_declared(app, actor, "Model", name)
    return Model.model_validate(declared.content["spec"])


def _dataset(app: App, actor: Principal, name: str) -> Target:
    return dataset_target(_must_be_declared(app, actor, "Dataset", name).content)


def _version(app: App, ref: VersionRef) -> Target:
    with app.database.read() as connection:
        return target_of(connection, ref)


def _must_be_declared(app: App, actor: Principal, kind: str, name: str) -> Revision:
    """Return what the actor's tenant declares; raise NotFound with what is close."""
    with app.database.read() as connection:
        live = current_resources(connection).of(kind)
    mine = {r.name: r for r in live if tenant_of(r.content) == actor.tenant}
    declared = mine.get(name)
    if declared is None:
        close = get_close_matches(name, list(mine), n=1)
        meant = f"did you mean {close[0]!r}? Otherwise " if close else ""
        raise NotFound(
            f"no {kind} is called {name!r}",
            hint=f"{meant}declare it in the stack (kind: {kind}), then `roadbed apply`",
        )
    return declared


def run(name: str, **given: Any) -> LiveRun:
    """Return a run on the line in this folder or above; see `Bed.run`."""
    return connect().run(name, **given)


def current() -> LiveRun:
    """Return the run that is open in this process, the innermost of several.

    Under `roadbed run -- …` that is the one it opened, until the process ends. Raises
    NotFound if there is none.
    """
    for found in reversed(OPEN):
        if isinstance(found, LiveRun):
            return found
    if load().run:
        bed = connect()
        joined = bed.run(bed.runs.get(bed.joins).name).__enter__()
        atexit.register(joined.__exit__, None, None, None)
        return joined
    raise NotFound(
        "no run is open in this process",
        hint='open one: `with roadbed.run("train", data=…) as run:`',
    )
