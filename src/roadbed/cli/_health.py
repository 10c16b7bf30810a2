"""The checks of `roadbed doctor`."""

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from roadbed.core.actor import DEFAULT_TENANT

if TYPE_CHECKING:
    from roadbed.access.visible import Viewer
    from roadbed.app import App

_PROBE_BYTES = 1024 * 1024
_ROOM_BYTES = 256 * 1024 * 1024
_FIXED = (3, 51, 3)
_BACKPORTED = ((3, 44, 6), (3, 50, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "bad"]
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the check as plain JSON."""
        return asdict(self)


def examine(app: "App", viewer: "Viewer") -> list[Check]:
    """Return all checks, the fundamental ones first, of what *viewer* may see."""
    return [
        _sqlite(),
        _database(app, viewer),
        _disk(app),
        *(_alerts(app) if viewer.principal.tenant == DEFAULT_TENANT else ()),
        *_endpoints(app, viewer),
        *_retiring(app, viewer),
        *_condemned(app, viewer),
        *_drift(app, viewer),
        *_rollouts(app, viewer),
    ]


def _sqlite() -> Check:
    version = sqlite3.sqlite_version_info
    fixed = version >= _FIXED or any(
        version[:2] == back[:2] and version >= back for back in _BACKPORTED
    )
    if fixed:
        return Check(name="sqlite", state="ok", message=sqlite3.sqlite_version)
    return Check(
        name="sqlite",
        state="note",
        message=f"{sqlite3.sqlite_version} has the WAL-reset bug; writes go one at a "
        "time, under a file lock, so that it cannot strike",
    )


def _database(app: "App", viewer: "Viewer") -> Check:
    from roadbed.control import seen
    from roadbed.control.state import current_resources

    with app.database.read() as connection:
        state = current_resources(connection)
        resources = seen.resources(viewer, connection)
    return Check(
        name="database",
        state="ok",
        message=f"{app.database.dialect}, revision {state.revision} of the stack, "
        f"{len(resources)} resources",
    )


def _disk(app: "App") -> Check:
    """Is there room for calls, and can it be written to?"""
    import shutil
    import tempfile

    state = app.settings.state
    free = shutil.disk_usage(state).free
    try:
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        return Check(
            name="disk",
            state="bad",
            message=f"the state directory cannot be written: {error.strerror}",
            hint="docs/runbooks/spool.unwritable.md",
        )
    state_of: Literal["ok", "bad"] = "ok" if free >= _ROOM_BYTES else "bad"
    return Check(
        name="disk",
        state=state_of,
        message=f"{free / 2**30:.1f} GiB free for the state",
    )


def _alerts(app: "App") -> Iterator[Check]:
    from roadbed.core.clock import to_text
    from roadbed.gateway.alerts import list_alerts

    with app.database.read() as connection:
        alerts = list_alerts(connection)
    if not alerts:
        yield Check(name="alerts", state="ok", message="none open")
    for alert in alerts:
        yield Check(
            name="alert",
            state="bad",
            message=f"{to_text(alert.at_us)[:19]} {alert.code}: {alert.message}",
            hint=f"docs/runbooks/{alert.code}.md",
        )


def _endpoints(app: "App", viewer: "Viewer") -> Iterator[Check]:
    from roadbed.access.visible import endpoints

    serving = app.compile().snapshot
    mine = endpoints(viewer, serving)
    for name, reason in sorted(serving.broken.items()):
        if name in mine:
            yield Check(name="endpoint", state="bad", message=f"{name}: {reason}")
    whole = [name for name in mine if name not in serving.broken]
    if whole:
        yield Check(name="endpoints", state="ok", message=f"load: {', '.join(whole)}")
    else:
        yield Check(
            name="endpoints",
            state="note",
            message="none declared",
            hint="declare one and run `roadbed apply`",
        )


def _retiring(app: "App", viewer: "Viewer") -> Iterator[Check]:
    """Is anything served that its provider has announced to retire?"""
    from roadbed.control import seen
    from roadbed.control.retiring import of_state
    from roadbed.control.state import current

    with app.database.read() as connection:
        state = current(connection)
        mine = seen.declared(viewer, connection, "Endpoint", "endpoint.read")
    names = {each.name for each in mine}
    for each in of_state(state, app.clock.now().date()):
        if each.endpoint in names:
            yield Check(
                name="retires",
                state="note" if each.days > 0 else "bad",
                message=str(each),
                hint="pin another name in the model's `upstream`, and the version "
                "that it makes in the endpoint",
            )


def _condemned(app: "App", viewer: "Viewer") -> Iterator[Check]:
    """Is anything served that was trained on data which somebody called bad?"""
    from roadbed.control import seen
    from roadbed.control.questions.standing import condemned_now

    with app.database.read() as connection:
        found = condemned_now(connection)
        mine = seen.declared(viewer, connection, "Endpoint", "endpoint.read")
    names = {each.name for each in mine}
    for each in found:
        if each.endpoint in names:
            ref = each.bad.partition(":")[0]
            yield Check(
                name="bad data",
                state="bad",
                message=str(each),
                hint=f"`roadbed retrain --because dataset:{ref}`, then pin what "
                "comes of it",
            )


def _drift(app: "App", viewer: "Viewer") -> Iterator[Check]:
    """Is anything served that the stack does not pin?"""
    from roadbed.control import seen

    with app.database.read() as connection:
        found = seen.drifts(viewer, connection)
    for each in found:
        yield Check(
            name="drift",
            state="note",
            message=f"{each.endpoint} serves {each.served}, and the stack pins "
            f"{each.pinned}: {each.reason}",
            hint="`roadbed plan` shows the patch that pins what is served",
        )


def _rollouts(app: "App", viewer: "Viewer") -> Iterator[Check]:
    """Does any rollout wait for somebody?"""
    from roadbed.control import seen
    from roadbed.rollouts.state import WAITING

    with app.database.read() as connection:
        found = seen.rollouts(viewer, connection, phases=WAITING)
    for each in found:
        yield Check(
            name="rollout",
            state="note",
            message=f"{each.endpoint} from {each.old} to {each.new} is "
            f"{each.state.phase}: {each.state.reason}",
            hint=f"`roadbed rollout get {each.endpoint}`",
        )
