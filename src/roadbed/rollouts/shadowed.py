"""How often a newer version answered otherwise in the shadow, by the call log."""

from collections import Counter
from dataclasses import dataclass

from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import Span
from roadbed.rollouts.mirror import AGREES, agreed
from roadbed.rollouts.rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The copies of a rollout: so many said the same as their calls, or otherwise.

    The answers of `untold` ones could not be compared. `cost_nano` is what all of them
    cost, in billionths of a US dollar.
    """

    same: int = 0
    other: int = 0
    untold: int = 0
    cost_nano: int = 0

    @property
    def copies(self) -> int:
        """Return how many copies were asked."""
        return self.same + self.other + self.untold

    @property
    def disagreement(self) -> float | None:
        """Return the share of answers that were different, None of none."""
        known = self.same + self.other
        return self.other / known if known else None


def agreement(calls: CallLog, rollout: Rollout, now_us: int) -> Agreement:
    """Return what is known of the copies of *rollout*, on this host or sealed.

    It is shown to people and judges nothing. Reads no payload; blocks.
    """
    since_us = rollout.started_us
    span = Span(
        since_us=since_us,
        until_us=now_us + 1,
        step_us=max(1, now_us + 1),
        tenant=rollout.tenant,
    )
    found, cost_nano = Counter[bool | None](), 0
    for spend in calls.spend(span, AGREES):
        here = spend.endpoint == rollout.endpoint and spend.model == rollout.new
        if spend.mirrored and here:
            found[agreed({AGREES: spend.label})] += spend.calls
            cost_nano += spend.cost_nano
    return Agreement(
        same=found[True], other=found[False], untold=found[None], cost_nano=cost_nano
    )
