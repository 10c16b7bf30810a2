"""What a rollout has shown so far, as figures: the same ones wherever they are read."""

from dataclasses import dataclass
from typing import Literal

from roadbed.rollouts import ratio
from roadbed.rollouts.decide import difference, margin_of, verdict
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import size
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Guardrail, Plan
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import Ledger
from roadbed.rollouts.wagers import Wager

Verdict = Literal["worse", "fine", "unknown", "no data"]
BETTER_HIGHER: frozenset[str] = frozenset({"score"})
"""The guardrails whose numbers are kept with their sign turned: worse is higher."""
_MOST = 1e300
"""What a bet is shown as at most, so that it is a number in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One guardrail.

    `old` and `new` are the shares of bad units, or the means, of as many units as
    `samples_old` and `samples_new` say; `difference` is newer less older, within `low`
    and `high` at all times. `e_value` is what the bet that it is worse is worth, None
    of a number; at `limit` the rollout goes back. It grows while the difference is
    shown to be within `margin`. All are None while too little was seen.
    """

    name: str
    kind: Literal["binary", "continuous"]
    better: Literal["lower", "higher"]
    judge: bool
    margin: float
    old: float | None
    new: float | None
    samples_old: int
    samples_new: int
    difference: float | None
    low: float | None
    high: float | None
    e_value: float | None
    limit: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Whether the arms got the shares of units that were meant.

    At an `e_value` of `limit` they did not, and nothing that is compared holds.
    """

    e_value: float
    limit: float
    verdict: Literal["as meant", "mismatch", "no data"]


def tiles(rollout: Rollout) -> list[Tile]:
    """Return the figures of each guardrail of *rollout*, in the order of its plan."""
    plan, ledgers = rollout.plan, rollout.state.ledgers
    return [_tile(plan, g, ledgers.get(g.name, Ledger())) for g in plan.guardrails]


def balance(rollout: Rollout) -> Balance:
    """Return how the shares of units compare with what was meant."""
    wager = rollout.state.ratio
    if not wager.logs:
        verdict_: Literal["as meant", "mismatch", "no data"] = "no data"
    else:
        verdict_ = "mismatch" if wager.refutes(ratio.ALPHA) else "as meant"
    return Balance(e_value=_worth(wager), limit=1 / ratio.ALPHA, verdict=verdict_)


def _tile(plan: Plan, guardrail: Guardrail, ledger: Ledger) -> Tile:
    turned = -1.0 if guardrail.name in BETTER_HIGHER else 1.0
    known = difference(plan, guardrail, ledger)
    ends = sorted((turned * known.low, turned * known.high)) if known else (None, None)
    return Tile(
        name=guardrail.name,
        kind=guardrail.kind,
        better="higher" if turned < 0 else "lower",
        judge=guardrail.judge,
        margin=margin_of(guardrail, ledger),
        old=_level(ledger.old, turned),
        new=_level(ledger.new, turned),
        samples_old=size(ledger.old),
        samples_new=size(ledger.new),
        difference=turned * known.value if known else None,
        low=ends[0],
        high=ends[1],
        e_value=_worth(ledger.wager) if guardrail.kind == "binary" else None,
        limit=1 / plan.share,
        verdict=_said(plan, guardrail, ledger),
    )


def _said(plan: Plan, guardrail: Guardrail, ledger: Ledger) -> Verdict:
    if not size(ledger.old) or not size(ledger.new):
        return "no data"
    return verdict(plan, guardrail, ledger)


def _level(side: Counts | Numbers | None, turned: float) -> float | None:
    if isinstance(side, Counts):
        return side.rate
    return turned * side.mean if side is not None and side.n else None


def _worth(wager: Wager) -> float:
    return min(wager.value, _MOST)
