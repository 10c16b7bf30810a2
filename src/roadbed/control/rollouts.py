"""What people do to rollouts: steer them, go back, and see where Git says otherwise."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.log import hold
from roadbed.control.document import read_documents
from roadbed.control.state import Revision, current_resources, newest_revision
from roadbed.core.errors import Conflict, Denied, Invalid, NotFound
from roadbed.core.ids import Uuid7
from roadbed.core.reference import parse
from roadbed.core.resource import tenant_of
from roadbed.registry.approvals import made_by, withdrawn
from roadbed.registry.versions import get_version
from roadbed.rollouts import store
from roadbed.rollouts.acts import Act, act
from roadbed.rollouts.planned import AT_ONCE
from roadbed.rollouts.rollout import Rollout, served
from roadbed.rollouts.state import State

MAX_REASON = 500
_new_id = Uuid7()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """An endpoint that serves something else than the stack pins, and why.

    `file` and `line` are where the endpoint is declared.
    """

    endpoint: str
    tenant: str
    pinned: str
    served: str
    rollout: str
    reason: str
    file: str
    line: int


def new_rollout_id() -> str:
    """Return a name for a rollout; later ones sort after earlier ones."""
    return f"ro-{_new_id()}"


def steer(
    connection: sa.Connection,
    rollout: Rollout,
    what: Act,
    reason: str,
    actor: str,
    now_us: int,
) -> Rollout:
    """Do *what* to *rollout*, as its caller saw it, and return what it is then.

    Raises Conflict if it moved since, or if it is too late or too soon for that;
    Denied to whoever began it and wants to approve it; Invalid without a reason.
    """
    said = _reason(reason)
    now = store.get(connection, rollout.id, hold=True)
    if now.state.revision != rollout.state.revision:
        raise Conflict(
            f"rollout {now.id} is {now.state.phase} since: {now.state.reason}",
            hint="look again",
        )
    if what == "approve" and made_by(actor) == made_by(now.started_by):
        raise Denied(
            f"{made_by(actor)} began rollout {now.id}, so somebody else approves it",
            hint="ask whoever else may do rollout.steer on it",
        )
    return _acted(connection, now, what, said, actor, now_us)


def roll_back(
    connection: sa.Connection, endpoint: str, reason: str, actor: str, now_us: int
) -> Rollout:
    """Let *endpoint* serve what it served before, and return the rollout that says so.

    That is the one under way, or, if the newest was promoted, a new one back. Raises
    Conflict if there is nothing to go back to, NotFound if there is no such endpoint,
    and Invalid without a reason.
    """
    said = _reason(reason)
    hold(connection)  # From here on nobody else applies, withdraws or rolls back.
    revision = newest_revision(connection, "Endpoint", endpoint)
    if revision is None or revision.state != "live":
        raise NotFound(f"there is no endpoint called {endpoint[:80]!r}")
    under_way = store.active(connection, endpoint)
    if under_way is None:
        return _went_back(connection, revision, said, actor, now_us)
    now = store.get(connection, under_way.id, hold=True)
    if now.state.phase in ("rolling_back", "rolled_back"):
        return now
    what: Act = "abort" if now.state.phase == "draft" else "rollback"
    return _acted(connection, now, what, said, actor, now_us)


def drifts(connection: sa.Connection) -> list[Drift]:
    """Return the endpoints that serve something else than the stack pins, by name."""
    return list(_drifts(connection))


def patch_of(drift: Drift, text: str) -> str:
    """Return a patch that pins what is served; *text* is what the file says now.

    Raises Conflict if the file does not pin what it pinned.
    """
    before = text.splitlines(keepends=True)
    name = drift.file
    patch = difflib.unified_diff(
        before, _pinned(drift, text, before), f"a/{name}", f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in patch
    )


def _reason(text: str) -> str:
    said = " ".join(text.split())
    if not said:
        raise Invalid("say why: a reason goes into the audit log")
    if len(said) > MAX_REASON:
        raise Invalid(f"a reason has at most {MAX_REASON} characters")
    return said


def _acted(
    connection: sa.Connection,
    now: Rollout,
    what: Act,
    reason: str,
    actor: str,
    now_us: int,
) -> Rollout:
    state = act(now.plan, now.state, what, reason, now_us / 1e6)
    return store.change(connection, now, state, actor, {}, now_us)


def _went_back(
    connection: sa.Connection,
    endpoint: Revision,
    reason: str,
    actor: str,
    now_us: int,
) -> Rollout:
    """Begin, and end, a rollout to the version before the one that is served."""
    newest = store.newest(connection, endpoint.name)
    pin = endpoint.content["spec"]["model"]
    if newest is None or newest.declared != pin or newest.state.phase != "promoted":
        raise _nothing(endpoint.name, pin, newest)
    if newest.new != newest.declared or newest.old == newest.new:
        raise _nothing(endpoint.name, pin, newest)
    if parse(newest.old) in withdrawn(connection):
        raise Conflict(
            f"{newest.old}, which {endpoint.name} served before, was withdrawn",
            hint="pin another version, and apply",
        )
    get_version(connection, parse(newest.old))
    state = State(phase="promoted", since_s=now_us / 1e6, reason=reason)
    back = replace(
        newest,
        id=new_rollout_id(),
        old=newest.new,
        new=newest.old,
        old_digest=newest.new_digest,
        new_digest=newest.old_digest,
        plan=AT_ONCE,
        spec={},
        state=state,
        started_by=actor,
        started_us=max(now_us, newest.started_us + 1),
        changed_us=now_us,
    )
    store.begin(connection, back, reason)
    return back


def _nothing(endpoint: str, pin: str, newest: Rollout | None) -> Conflict:
    known = newest if newest and newest.declared == pin else None
    now = served(pin, known, 0).base
    return Conflict(
        f"{endpoint} serves {now} and there is nothing to go back to",
        hint="pin another version, and apply",
    )


def _drifts(connection: sa.Connection) -> Iterator[Drift]:
    newest = store.newest_of_each(connection)
    for endpoint in current_resources(connection).of("Endpoint"):
        pin = endpoint.content["spec"]["model"]
        now = served(pin, newest.get(endpoint.name), 0)
        if now.rollout is not None and now.drift(pin):
            yield Drift(
                endpoint=endpoint.name,
                tenant=tenant_of(endpoint.content),
                pinned=pin,
                served=now.base,
                rollout=now.rollout.id,
                reason=now.rollout.state.reason,
                file=endpoint.file,
                line=endpoint.line,
            )


def _pinned(drift: Drift, text: str, lines: list[str]) -> list[str]:
    """Return *lines* with what is served pinned, and nothing else changed."""
    wanted = [
        {**each, "spec": {**each["spec"], "model": drift.served}}
        if _pins(each, drift)
        else each
        for each in _read(text, drift)
    ]
    for at, line in enumerate(lines):
        start = line.find(drift.pinned)
        while start >= 0:
            end = start + len(drift.pinned)
            changed = f"{line[:start]}{drift.served}{line[end:]}"
            fixed = [*lines[:at], changed, *lines[at + 1 :]]
            if _read("".join(fixed), drift) == wanted != _read(text, drift):
                return fixed
            start = line.find(drift.pinned, end)
    raise Conflict(
        f"{drift.file} does not pin {drift.pinned} on endpoint {drift.endpoint}",
        hint=f"pin {drift.served} there, or begin another rollout",
    )


def _read(text: str, drift: Drift) -> list[Any]:
    return [document.value for document in read_documents(text, drift.file)[0]]


def _pins(value: Any, drift: Drift) -> bool:
    if not isinstance(value, dict) or value.get("kind") != "Endpoint":
        return False
    metadata, spec = value.get("metadata"), value.get("spec")
    named = isinstance(metadata, dict) and metadata.get("name") == drift.endpoint
    return named and isinstance(spec, dict) and spec.get("model") == drift.pinned
