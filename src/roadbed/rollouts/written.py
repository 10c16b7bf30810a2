"""Plans and states as plain JSON, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import msgspec

from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.state import Ledger, State
from roadbed.rollouts.wagers import Wager

Written = dict[str, Any]


def plan_written(plan: Plan) -> Written:
    """Return *plan* as JSON values."""
    return asdict(plan)


def plan_read(written: Mapping[str, Any]) -> Plan:
    """Return the plan that was written."""
    return msgspec.convert(written, Plan)


def state_written(state: State) -> Written:
    """Return *state* as JSON values."""
    ledgers = {
        name: {
            "wager": list(ledger.wager.logs),
            "old": _side_written(ledger.old),
            "new": _side_written(ledger.new),
        }
        for name, ledger in state.ledgers.items()
    }
    return {
        "phase": state.phase,
        "revision": state.revision,
        "step": state.step,
        "since_s": state.since_s,
        "reason": state.reason,
        "held": state.held,
        "seen": state.seen,
        "ratio": list(state.ratio.logs),
        "ledgers": ledgers,
    }


def state_read(written: Mapping[str, Any]) -> State:
    """Return the state that was written."""
    ledgers = {
        name: Ledger(
            wager=Wager(tuple(found["wager"])),
            old=_side_read(found["old"]),
            new=_side_read(found["new"]),
        )
        for name, found in written["ledgers"].items()
    }
    plain = {k: v for k, v in written.items() if k not in ("ratio", "ledgers")}
    return State(
        **plain,
        ratio=Wager(tuple(written["ratio"])),
        ledgers=MappingProxyType(ledgers),
    )


def _side_written(side: Counts | Numbers | None) -> Written | None:
    return None if side is None else asdict(side)


def _side_read(written: Mapping[str, Any] | None) -> Counts | Numbers | None:
    if written is None:
        return None
    return Counts(**written) if "bad" in written else Numbers(**written)
