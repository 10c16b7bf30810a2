"""Open a workbench on the line in this folder, in the name of the key that is here."""

from difflib import get_close_matches
from pathlib import Path

import roadbed.adapters.exporters
from roadbed.access.visible import nothing
from roadbed.app import App, open_app
from roadbed.control.readable import dataset_target
from roadbed.control.state import Revision, current_resources
from roadbed.control.versions import target_of
from roadbed.core import plugins
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.reference import VersionRef
from roadbed.core.resource import tenant_of
from roadbed.registry.exporter import Exporter
from roadbed.registry.kinds import Model
from roadbed.settings import load
from roadbed.workbench.bed import Bed

EXPORTERS = "roadbed.exporters"


def connect(folder: str | Path | None = None) -> Bed:
    """Return a workbench on the line in *folder*, or in this one or above.

    Acts with the key in ROADBED_KEY, else with the one that `roadbed login` kept.
    Raises NotFound where there is no line, Unauthenticated without a valid key.
    """
    here = Path.cwd() if folder is None else Path(folder).resolve()
    settings = load(folder=here)
    app = open_app(settings)
    actor = app.authenticate(settings.own_key())

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
        folder=here,
    )


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
