"""What a stack that pins other versions begins and ends when it is applied."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.control.promote import of_the_stack
from roadbed.control.readable import Content, endpoint_target
from roadbed.control.rollouts import new_rollout_id
from roadbed.control.stack import Stack
from roadbed.control.state import Revision, State
from roadbed.core.decision import Target
from roadbed.core.errors import Corrupt, NotFound
from roadbed.core.reference import parse
from roadbed.core.resource import tenant_of
from roadbed.gateway.release import Release
from roadbed.registry.versions import get_version
from roadbed.rollouts import store
from roadbed.rollouts.acts import act
from roadbed.rollouts.decide import decide
from roadbed.rollouts.evidence import Evidence
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.planned import AT_ONCE, plan_of
from roadbed.rollouts.rollout import Rollout, served
from roadbed.rollouts.state import Phase
from roadbed.rollouts.state import State as Where

_PINNED = "the stack pins it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What becomes of the versions of one endpoint.

    It serves `before`, and is to serve `pin`, which is empty where the endpoint is
    retired. `release` is the block that says how, `plan` what follows from it;
    `approval` says that somebody else has to approve. `ends` is a rollout that another
    pin puts an end to. `targets` are what the applier must be allowed
    `rollout.immediate` on.
    """

    endpoint: str
    tenant: str
    before: str
    pin: str
    release: Release | None = None
    plan: Plan = AT_ONCE
    approval: bool = False
    ends: Rollout | None = None
    targets: tuple[Target, ...] = ()

    @property
    def begins(self) -> bool:
        """Say whether a rollout begins: there is something else to serve."""
        return bool(self.pin) and self.before != self.pin


@dataclass(frozen=True, slots=True)
class Applying:
    """The apply that all this is part of: its revision of the stack, who, and when."""

    revision: int
    actor: str
    now_us: int


def turns(stack: Stack, state: State) -> tuple[Turn, ...]:
    """Return what applying *stack* does to the versions of the endpoints of *state*.

    Nothing begins or ends where the pin stays, whatever else changes: a rollout under
    way goes on as it was approved, and a version that was rolled back stays so.
    """
    return (*_pinned(stack, state), *_retired(stack, state))


def take_turns(
    connection: sa.Connection, found: tuple[Turn, ...], applying: Applying
) -> None:
    """Write down the rollouts that begin and end, in the transaction of the apply."""
    for turn in found:
        if turn.ends is not None:
            _supersede(connection, turn, turn.ends, applying)
        if turn.begins:
            _begin(connection, turn, applying)


def _pinned(stack: Stack, state: State) -> Iterator[Turn]:
    for loaded in stack.of("Endpoint"):
        live = state.resources.get(loaded.key)
        newest = state.rolling.get(loaded.key[1])
        turn = (
            _created(loaded.content, newest)
            if live is None
            else _moved(loaded.content, live, newest)
        )
        if turn is not None:
            yield turn


def _retired(stack: Stack, state: State) -> Iterator[Turn]:
    for live in state.of("Endpoint"):
        newest = state.rolling.get(live.name)
        if stack.declares(*live.key) or newest is None or newest.state.over:
            continue
        yield Turn(
            endpoint=live.name,
            tenant=tenant_of(live.content),
            before=newest.old,
            pin="",
            ends=newest,
        )


def _created(content: Content, newest: Rollout | None) -> Turn | None:
    """Return what to note so that what an endpoint of that name did is over."""
    pin = content["spec"]["model"]
    before = served(pin, newest, math.inf).base
    if before == pin:
        return None
    return Turn(
        endpoint=content["metadata"]["name"],
        tenant=tenant_of(content),
        before=before,
        pin=pin,
    )


def _moved(content: Content, live: Revision, newest: Rollout | None) -> Turn | None:
    old, pin = live.content["spec"]["model"], content["spec"]["model"]
    release, had = _release(content), _release(live.content)
    loosens = _loosens(release, had, live.content, content)
    if old == pin:
        return _loosened(content, live) if loosens else None
    before = served(old, newest, math.inf).base
    if release is None and had is not None and had.approval:
        release = had  # Leaving the block out does not leave out who approves.
    at_once = before != pin and _at_once(release)
    return Turn(
        endpoint=live.name,
        tenant=tenant_of(content),
        before=before,
        pin=pin,
        release=release,
        plan=plan_of(release, promises_latency=_promises(content)),
        # Whoever applies could else drop the approval that they need.
        approval=any(each is not None and each.approval for each in (release, had)),
        ends=newest if newest is not None and not newest.state.over else None,
        targets=_asked(content, live) if at_once or loosens else (),
    )


def _loosened(content: Content, live: Revision) -> Turn:
    """Return what to ask for, so that steps are not left out by applying twice."""
    pin = content["spec"]["model"]
    return Turn(
        endpoint=live.name,
        tenant=tenant_of(content),
        before=pin,
        pin=pin,
        targets=_asked(content, live),
    )


def _asked(content: Content, live: Revision) -> tuple[Target, ...]:
    targets = (endpoint_target(live.content), endpoint_target(content))
    return tuple({t.revision: of_the_stack(t) for t in targets}.values())


def _loosens(
    release: Release | None, had: Release | None, live: Content, content: Content
) -> bool:
    """Say whether this pin or a later one needs less than the block that was there.

    No steps, nobody who approves, or a stage in which both can be left out unasked.
    """
    if had is None:
        return False
    before, after = _is_in_production(live), _is_in_production(content)
    less = release is None or (had.approval and not release.approval)
    return (before or after) if less else (before and not after)


def _is_in_production(content: Content) -> bool:
    return content["spec"]["stage"] == "production"


def _at_once(release: Release | None) -> bool:
    return release is not None and release.strategy == "immediate"


def _release(content: Content) -> Release | None:
    written = content["spec"].get("rollout")
    return None if written is None else Release.model_validate(written)


def _promises(content: Content) -> bool:
    return bool((content["spec"].get("latency") or {}).get("p95_ms"))


def _supersede(
    connection: sa.Connection, turn: Turn, ends: Rollout, applying: Applying
) -> None:
    reason = (
        f"the stack pins {turn.pin}" if turn.pin else "the stack retires the endpoint"
    )
    now_s = applying.now_us / 1e6
    if ends.state.phase == "rolling_back":  # From here on no replica serves it.
        state = decide(ends.plan, ends.state, Evidence(back=1.0), now_s)
    else:
        state = act(ends.plan, ends.state, "supersede", reason, now_s)
    store.change(connection, ends, state, applying.actor, {}, applying.now_us)


def _begin(connection: sa.Connection, turn: Turn, applying: Applying) -> None:
    newest, now_us = store.newest(connection, turn.endpoint), applying.now_us
    rollout = Rollout(
        id=new_rollout_id(),
        endpoint=turn.endpoint,
        tenant=turn.tenant,
        declared=turn.pin,
        old=turn.before,
        new=turn.pin,
        old_digest=_digest(connection, turn.before),
        new_digest=_digest(connection, turn.pin),
        plan=turn.plan,
        state=Where(phase=_first(turn), since_s=now_us / 1e6, reason=_PINNED),
        snapshot=applying.revision,
        started_by=applying.actor,
        started_us=max(now_us, newest.started_us + 1) if newest else now_us,
        changed_us=now_us,
        spec=turn.release.model_dump(mode="json") if turn.release else {},
    )
    store.begin(connection, rollout, _PINNED)


def _first(turn: Turn) -> Phase:
    if turn.release is None:
        return "promoted"
    return "draft" if turn.approval else "approved"


def _digest(connection: sa.Connection, version: str) -> str:
    with suppress(Corrupt, NotFound):
        return get_version(connection, parse(version)).digest
    return ""
