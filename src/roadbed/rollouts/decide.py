"""What becomes of a rollout after one look: a pure function of plain values.

In this order: what must never happen, whether the newer version is shown to be worse,
whether the arms can be compared at all; then, and only then, whether traffic may grow.
All but the last is asked in every phase in which the newer version is asked anything.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from roadbed.rollouts import ratio
from roadbed.rollouts.difference import Apart, Numbers, apart, off
from roadbed.rollouts.evidence import Both, Evidence, size
from roadbed.rollouts.harm import Counts, watched
from roadbed.rollouts.plan import Guardrail, Plan
from roadbed.rollouts.state import Ledger, Phase, State

MISMATCH = "sample ratio mismatch"
TOO_LITTLE = "too little was shown in time"
ENOUGH = 30
"""From how many units of each version on their means say anything."""
_LATER = frozenset({"disliked", "judged-bad", "score"})
"""What people and graders tell: of copies that may be nothing."""
AS_WELL = "the shadow answered as well: promote or roll back"


def decide(plan: Plan, state: State, evidence: Evidence, now_s: float) -> State:
    """Return where the rollout is at *now_s*, having seen *evidence* since *state*."""
    if state.over or state.phase == "draft":
        return state
    if state.phase == "rolling_back":
        done = evidence.back >= 1
        return _to(state, "rolled_back", state.reason, now_s) if done else state
    state = _seen(plan, state, evidence)
    if found := _tripped(evidence) or _worse(plan, state):
        return _to(state, "rolling_back", found, now_s)
    if state.phase in ("paused", "inconclusive"):
        return state
    if state.ratio.refutes(ratio.ALPHA):
        return _hold(state, "paused", MISMATCH, now_s)
    return _onward(plan, state, evidence, now_s)


def verdict(
    plan: Plan, guardrail: Guardrail, ledger: Ledger
) -> Literal["worse", "fine", "unknown"]:
    """Return `worse`, `fine` (shown to be within the margin), or `unknown`."""
    if _refuted(plan, guardrail, ledger):
        return "worse"
    known, margin = difference(plan, guardrail, ledger), margin_of(guardrail, ledger)
    return "fine" if known and known.high < margin else "unknown"


def difference(plan: Plan, guardrail: Guardrail, ledger: Ledger) -> Apart | None:
    """Return how much higher the newer version is; None while too little was seen.

    Of what must not change either way, how far it is off, in standard deviations. Of a
    number that is the same for all units, as if one more had been off by the margin: it
    would seem certain to stay the same.
    """
    old, new = _numbers(ledger.old), _numbers(ledger.new)
    if old is None or new is None:
        return None
    margin = margin_of(guardrail, ledger)
    if guardrail.kind == "continuous" and min(old.n, new.n) < ENOUGH:
        return None
    if guardrail.either:
        return off(old, new, plan.share, margin)
    if not old.squares and not new.squares:
        old, new = (Numbers(n.n, n.mean, margin**2) for n in (old, new))
    return apart(old, new, plan.share, margin)


def margin_of(guardrail: Guardrail, ledger: Ledger) -> float:
    """Return how much higher the newer version may be, in what *ledger* is kept in.

    Of a number that is a part of what it is at the older version; of what must not
    change either way, a part of its standard deviation, which is what that is told in.
    """
    old = ledger.old
    if guardrail.either or guardrail.kind == "binary":
        return guardrail.margin
    if not isinstance(old, Numbers) or not old.mean:
        return guardrail.margin
    return guardrail.margin * abs(old.mean)


def _seen(plan: Plan, state: State, evidence: Evidence) -> State:
    """Add a look to what is known. Shadowed calls and those of nobody do not count."""
    weight, ledgers = evidence.weight, dict(state.ledgers)
    tolerated = {g.name: g.tolerated for g in plan.guardrails}
    for name, look in evidence.looks.items():
        before = ledgers.get(name, Ledger())
        ledgers[name] = _added(before, look, tolerated.get(name))
    seen = evidence.new if evidence.seen is None else evidence.seen
    return replace(
        state,
        seen=state.seen + seen,
        ratio=ratio.counted(state.ratio, weight, evidence.old, evidence.new),
        ledgers=MappingProxyType(ledgers),
    )


def _added(before: Ledger, look: Both, tolerated: float | None) -> Ledger:
    """Add one look; what is *tolerated* is None of what no guardrail watches."""
    wager, bet = before.wager, look.risk or look
    if tolerated and isinstance(bet.old, Counts) and isinstance(bet.new, Counts):
        wager = watched(wager, bet.old, bet.new, tolerated)
    old, new = look.old, look.new
    if look.risk is not None:
        return Ledger(wager=wager, old=old, new=new)
    return Ledger(
        wager=wager,
        old=old if before.old is None else before.old + old,  # type: ignore[operator]
        new=new if before.new is None else before.new + new,  # type: ignore[operator]
    )


def _tripped(evidence: Evidence) -> str:
    return evidence.tripped[0] if evidence.tripped else ""


def _worse(plan: Plan, state: State) -> str:
    for guardrail in plan.guardrails:
        ledger = state.ledgers.get(guardrail.name)
        if ledger is not None and _refuted(plan, guardrail, ledger):
            return f"{guardrail.name} got worse"
    return ""


def _refuted(plan: Plan, guardrail: Guardrail, ledger: Ledger) -> bool:
    if guardrail.kind == "binary":
        return ledger.wager.refutes(plan.share)
    known = difference(plan, guardrail, ledger)
    return known is not None and known.low > margin_of(guardrail, ledger)


def _numbers(side: Counts | Numbers | None) -> Numbers | None:
    """Return a side as numbers: a bad unit is a 1, any other a 0.

    How far they are spread is told with one bad and one good unit more than there
    were, or a version that was never bad so far would seem certain never to be.
    """
    if not isinstance(side, Counts):
        return side
    spread = (side.bad + 1) / (side.of + 2)
    return Numbers(side.of, side.rate or 0.0, side.of * spread * (1 - spread))


def _onward(plan: Plan, state: State, evidence: Evidence, now_s: float) -> State:
    """Return the next phase or step, if its time has come and the news are good."""
    if state.phase == "approved":
        if evidence.ready >= plan.ready:
            return _begin(plan, state, now_s)
        late = now_s - state.since_s >= plan.ready_s
        return (
            _hold(state, "inconclusive", "not ready in time", now_s) if late else state
        )
    if state.phase == "shadow":
        return _shadowed(plan, state, now_s)
    if state.phase == "soaking":
        return _soaked(plan, state, now_s)
    return _step(plan, state, now_s)


def _begin(plan: Plan, state: State, now_s: float) -> State:
    if plan.strategy == "immediate":
        return _to(state, "promoted", "immediate", now_s)
    first: Phase = "shadow" if plan.shadow_s else "canary"
    return _to(state, first, "loaded and ready", now_s)


def _shadowed(plan: Plan, state: State, now_s: float) -> State:
    """Leave the shadow for the canary; where there is none, people go on from here."""
    spent = now_s - state.since_s
    enough = spent >= plan.shadow_s and state.seen >= plan.shadow_units
    if enough and _fine(plan, state, _LATER):
        if plan.strategy == "shadow":
            return _hold(state, "paused", AS_WELL, now_s)
        return _to(state, "canary", "the shadow answered as well", now_s)
    late = plan.shadow_s + plan.steps[0].deadline_s
    return _lacking(state, now_s) if spent >= late else state


def _soaked(plan: Plan, state: State, now_s: float) -> State:
    if now_s - state.since_s < plan.soak_s:
        return state
    if state.seen and _fine(plan, state):
        return _to(state, "promoted", "it soaked", now_s)
    return _lacking(state, now_s)


def _step(plan: Plan, state: State, now_s: float) -> State:
    """Leave a step of the canary for the next one, or say that it came to nothing."""
    step, spent = plan.steps[state.step], now_s - state.since_s
    enough = spent >= step.hold_s and state.seen >= max(1, step.units)
    if enough and _fine(plan, state) and plan.strategy != "experiment":
        if state.step + 1 == len(plan.steps):
            return _to(state, "soaking", "every step was passed", now_s)
        moved = replace(state, step=state.step + 1)
        return _to(moved, "canary", "no guardrail got worse", now_s)
    return _lacking(state, now_s) if spent >= step.deadline_s else state


def _lacking(state: State, now_s: float) -> State:
    why = "no data" if not state.seen else TOO_LITTLE
    return _hold(state, "inconclusive", why, now_s)


def _fine(plan: Plan, state: State, later: frozenset[str] = frozenset()) -> bool:
    """Say whether every guardrail that must speak has, and has nothing against it.

    Those of *later* need not have spoken yet: nothing may be told of copies.
    """
    known = {g.name: state.ledgers.get(g.name, Ledger()) for g in plan.guardrails}
    return all(
        verdict(plan, guardrail, known[guardrail.name]) == "fine"
        for guardrail in plan.guardrails
        if guardrail.judge
        and not (guardrail.name in later and not size(known[guardrail.name].new))
    )


def _hold(state: State, phase: Phase, reason: str, now_s: float) -> State:
    return replace(_to(state, phase, reason, now_s), held=state.phase, seen=state.seen)


def _to(state: State, phase: Phase, reason: str, now_s: float) -> State:
    return replace(
        state,
        phase=phase,
        revision=state.revision + 1,
        since_s=now_s,
        reason=reason,
        held=None,
        seen=0,
    )
