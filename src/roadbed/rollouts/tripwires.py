"""What sends a version back without any statistics: it is counted, and seldom chance.

What is counted is kept among the ledgers of a rollout, under names of its own, whether
or not a guardrail watches it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.presence import Replica
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import Ledger
from roadbed.rollouts.tally import SIDES, UnitSeen
from roadbed.rollouts.units import at, costs, counted

NEVER = {
    "schema": "answers broke the form that was asked for",
    "blocked": "answers were blocked for safety",
}
"""What no version may do that the older one does not do about as often."""
TOO_MANY, TOO_OFTEN, TOO_RARE = 3, 5, 20
"""So many units at least, and so many times as often, is what trips; where nobody has
the older version, one of so many."""
OUTAGE, SILENT = "nothing-but-errors", 10
"""Under this name is kept for how many units in a row a version did nothing but fail,
each counted in each look, and how many of the newer version's are too many."""
CALLS = "cost-of-calls"
"""Under this name is kept what calls cost."""
ENOUGH = 5
"""How many units of each version make a mean cost that may be compared."""
_NOTHING = Both(old=Counts(0, 0), new=Counts(0, 0))


def looks(rollout: Rollout, seen: Sequence[UnitSeen]) -> dict[str, Both]:
    """Return what is counted of the units of a look, by the name it is kept under."""
    found = {CALLS: Both(old=costs(at("old", seen)), new=costs(at("new", seen)))}
    found[OUTAGE] = _outage(rollout, seen)
    for name in NEVER:
        old, new = (_flawed(at(side, seen), name) for side in SIDES)
        found[name] = Both(old=old, new=new)
    return found


def tripped(
    rollout: Rollout, replicas: Sequence[Replica], looks: Mapping[str, Both]
) -> Iterator[str]:
    """Yield why the newer version has to go back at once, if it has to."""
    for replica in replicas:
        if replica.state == "failed":
            yield f"it could not be loaded by {replica.name}: {replica.reason}"
    for name, said in NEVER.items():
        if name in looks and _never(*_so_far(rollout, name, looks[name])):
            yield said
    if OUTAGE in looks and _is_out(looks[OUTAGE]):
        yield "it does nothing but fail"
    limit = float(rollout.spec.get("cost_limit") or math.inf)
    if CALLS in looks:
        yield from _dear(*_so_far(rollout, CALLS, looks[CALLS]), limit)


def _so_far(rollout: Rollout, name: str, look: Both) -> tuple[Any, Any]:
    """Return both sides since the rollout began, with *look*."""
    before = rollout.state.ledgers.get(name, Ledger())
    return _sum(before.old, look.old), _sum(before.new, look.new)


def _sum(before: Any, look: Any) -> Any:
    return look if before is None else before + look


def _flawed(seen: Sequence[UnitSeen], name: str) -> Counts:
    return Counts(sum(name in u.flaws for u in seen), len(seen))


def _outage(rollout: Rollout, seen: Sequence[UnitSeen]) -> Both:
    """Return for how many units each version has done nothing but fail, up to now."""
    before = rollout.state.ledgers.get(OUTAGE, Ledger())
    old = _failing(before.old, counted(seen, "old", "errors"))
    new = _failing(before.new, counted(seen, "new", "errors"))
    return Both(old=old, new=new, risk=_NOTHING)


def _failing(before: Any, look: Counts) -> Counts:
    return Counts(0, 0) if look.bad < look.of else _sum(before, look)


def _is_out(look: Both) -> bool:
    """Say whether only the newer version does nothing but fail."""
    assert isinstance(look.old, Counts)
    assert isinstance(look.new, Counts)
    return look.new.bad >= SILENT and not look.old.bad


def _never(old: Counts, new: Counts) -> bool:
    """Say whether the newer version did often what the older one hardly ever did."""
    if not old.of:
        return new.bad >= TOO_MANY and TOO_RARE * new.bad > new.of
    # As if the older version had been bad once more: never says nothing of how seldom.
    often = new.bad * (old.of + 1) > TOO_OFTEN * (old.bad + 1) * new.of
    return new.bad >= TOO_MANY and often


def _dear(old: Numbers, new: Numbers, limit: float) -> Iterator[str]:
    """Say that a call of the newer version costs too much, if it does."""
    if min(old.n, new.n) >= ENOUGH and old.mean and new.mean > limit * old.mean:
        yield f"a call costs {new.mean / old.mean:.1f} times what it did"
