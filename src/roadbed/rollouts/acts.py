"""What people may do to a rollout, and when."""

from dataclasses import replace
from typing import Literal

from roadbed.core.errors import Conflict
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.ratio import ALPHA
from roadbed.rollouts.state import Phase, State
from roadbed.rollouts.wagers import Wager

Act = Literal["approve", "pause", "resume", "promote", "rollback", "abort", "supersede"]

_UNDER_WAY: frozenset[Phase] = frozenset(
    {"approved", "shadow", "canary", "soaking", "paused", "inconclusive"}
)
_WHEN: dict[Act, frozenset[Phase]] = {
    "approve": frozenset({"draft"}),
    "pause": frozenset({"approved", "shadow", "canary", "soaking"}),
    "resume": frozenset({"paused", "inconclusive"}),
    "promote": frozenset({"canary", "soaking", "paused", "inconclusive"}),
    "abort": frozenset({"draft", "approved"}),
    "rollback": _UNDER_WAY,
    "supersede": frozenset({"draft", *_UNDER_WAY}),
}
_LEADS: dict[Act, Phase] = {
    "approve": "approved",
    "pause": "paused",
    "promote": "promoted",
    "rollback": "rolling_back",
    "abort": "aborted",
    "supersede": "superseded",
}


def act(plan: Plan, state: State, what: Act, reason: str, now_s: float) -> State:
    """Return the rollout after somebody did *what*; raise Conflict if it cannot be.

    A rollback is possible at any time while it is under way, and so is being followed
    by another rollout. Going on after a pause begins the step's time anew.
    """
    loaded = what != "promote" or state.held != "approved"
    if state.phase not in _WHEN[what] or not loaded:
        raise Conflict(
            f"it is {state.phase}: too late, or too soon, to {what} it",
            hint=_hint(state),
        )
    later = replace(
        state, revision=state.revision + 1, since_s=now_s, reason=reason, held=None
    )
    if what == "resume":
        return _resumed(state, later)
    return replace(later, phase=_LEADS[what], held=_held(state, what))


def _held(state: State, what: Act) -> Phase | None:
    """Return the phase to go on in after *what*, None if it does not go on."""
    return state.phase if what == "pause" else None


def _resumed(state: State, later: State) -> State:
    """Go on where it was; a mismatch that somebody looked into is forgotten."""
    assert state.held is not None
    known = state.ratio.refutes(ALPHA)
    return replace(
        later,
        phase=state.held,
        seen=0,
        ratio=Wager() if known else state.ratio,
    )


def _hint(state: State) -> str:
    if state.over:
        return "it is over; pin the version again to begin another rollout"
    can = sorted(what for what, when in _WHEN.items() if state.phase in when)
    return f"possible now: {', '.join(can)}" if can else "it ends by itself"
