"""What may be done to a rollout now, and why not by whoever looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from roadbed.console.rollouts.asked import ActTold
from roadbed.console.rollouts.sight import Sight
from roadbed.core.errors import Conflict
from roadbed.registry.approvals import made_by
from roadbed.rollouts.acts import Act, act
from roadbed.rollouts.rollout import Rollout

STEER, ROLL_BACK = "rollout.steer", "rollout.rollback"


@dataclass(frozen=True, slots=True)
class _Wording:
    label: str
    explained: str


WORDING: dict[str, _Wording] = {
    "approve": _Wording(
        "Approve", "It begins as soon as the replicas have loaded {new}."
    ),
    "pause": _Wording(
        "Pause",
        "The weight stays where it is. Guardrails are judged all the same, and one "
        "that got worse still rolls it back.",
    ),
    "resume": _Wording(
        "Resume", "It goes on where it was held; the time of the step begins anew."
    ),
    "promote": _Wording(
        "Promote",
        "All traffic gets {new} at once, whatever steps and questions are left.",
    ),
    "abort": _Wording("Abort", "It ends before it began, and {old} stays."),
    "rollback": _Wording(
        "Roll back",
        "All traffic goes back to {old} within seconds. The stack pins {declared} "
        "until somebody changes it: the page shows the patch.",
    ),
}
"""What people may do, in the order of the buttons."""


def acts_of(sight: Sight, rollout: Rollout, *, newest: bool) -> tuple[ActTold, ...]:
    """Return what people do to *rollout*; *newest*: its endpoint had none since."""
    return tuple(_acts(sight, rollout, newest=newest))


def is_act(what: str) -> bool:
    """Say whether people may do *what* by steering."""
    return what in get_args(Act) and what in WORDING and what != "rollback"


def _acts(sight: Sight, rollout: Rollout, *, newest: bool) -> Iterator[ActTold]:
    for name, wording in WORDING.items():
        back = name == "rollback"
        yield ActTold(
            name=name,
            label=wording.label,
            explained=wording.explained.format(
                old=rollout.old, new=rollout.new, declared=rollout.declared
            ),
            possible=_goes_back(rollout, newest=newest)
            if back
            else _can(rollout, name),
            refused=_refused(sight, rollout, name),
        )


def _can(rollout: Rollout, what: str) -> bool:
    try:
        act(rollout.plan, rollout.state, what, "", 0.0)  # type: ignore[arg-type]
    except Conflict:
        return False
    return True


def _goes_back(rollout: Rollout, *, newest: bool) -> bool:
    """Say whether there is a version to go back to by this rollout."""
    if rollout.state.phase == "promoted":
        pinned = rollout.new == rollout.declared
        return newest and pinned and bool(rollout.old) and rollout.old != rollout.new
    return _can(rollout, "rollback")


def _refused(sight: Sight, rollout: Rollout, what: str) -> str:
    action = ROLL_BACK if what == "rollback" else STEER
    decision = sight.viewer.decide(action, sight.target_of(rollout))
    if not decision.allowed:
        why = ", ".join(decision.reasons) or "no policy permits it"
        return f"it needs the permission {action}: {why}"
    me = str(sight.viewer.principal)
    if what == "approve" and made_by(me) == made_by(rollout.started_by):
        return "you began it, so somebody else approves it"
    return ""
