"""How a budget is shared among replicas: arithmetic on whole numbers, without I/O.

A counter stands for one budget in one window. Replicas lease parts of it and spend
those in memory. What is leased is never more than the budget, so what is spent is not
either, whoever crashes: a lease that nobody gives back counts as spent. Near the end
the idle parts of leases are called back, so that nothing is refused that fits.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

SECOND_US = 1_000_000
ALIVE_US = 10 * SECOND_US
"""How long after its last report a replica is waited for."""
TIGHT_US = 5 * SECOND_US
"""How long after a recall nobody gets more than is needed."""
AHEAD = 16
"""How many calls' worth are leased at once, while there is plenty."""
PLENTY = 8
"""A lease ahead of need is at most this part of what is left."""
LIMITLESS = 1 << 62


@dataclass(slots=True)
class Lease:
    """What one replica may spend: `granted`, of which it has reported `spent`.

    `answered` is the last recall upon which it gave back what it did not need.
    """

    granted: int = 0
    spent: int = 0
    answered: int = 0
    seen_us: int = 0


class Ask(NamedTuple):
    """What a replica wants: at least `need`, of a budget of `cap` (None: no end).

    `recall` is the recall that was made for it before, 0 if none was.
    """

    need: int
    cap: int | None
    recall: int = 0


class Drawn(NamedTuple):
    """What it got: an amount; or the recall to wait for; or nothing, for good.

    `granted` is all that is leased to it now.
    """

    amount: int = 0
    recall: int = 0
    refused: bool = False
    granted: int = 0


@dataclass(slots=True)
class Counter:
    """One budget in one window: what is leased of it, and to whom.

    `settled` is what leases had spent that are closed; it is part of `leased`.
    `told` is the highest percentage that somebody was told of.
    """

    leased: int = 0
    settled: int = 0
    recalls: int = 0
    recalled_us: int = 0
    told: int = 0
    leases: dict[str, Lease] = field(default_factory=dict)

    def draw(self, holder: str, ask: Ask, now_us: int) -> Drawn:
        """Lease to *holder* what it asks for, or call back what others leave idle."""
        drawn = self._draw(holder, ask, now_us)
        return drawn._replace(granted=self._lease(holder, now_us).granted)

    def _draw(self, holder: str, ask: Ask, now_us: int) -> Drawn:
        lease = self._lease(holder, now_us)
        free = (LIMITLESS if ask.cap is None else ask.cap) - self.leased
        tight = now_us < self.recalled_us + TIGHT_US
        amount = grant_of(ask.need, free, tight=tight)
        if amount:
            self.leased += amount
            lease.granted += amount
            return Drawn(amount=amount)
        if ask.recall:
            waiting = self._idle(holder, now_us, ask.recall)
            return Drawn(recall=ask.recall, refused=not waiting)
        if not self._idle(holder, now_us, self.recalls + 1):
            return Drawn(refused=True)
        self.recalls += 1
        self.recalled_us = now_us
        return Drawn(recall=self.recalls)

    def answer(self, holder: str, idle: int, recall: int, now_us: int) -> None:
        """Take back *idle* from *holder*, who has seen the recall *recall*."""
        lease = self._lease(holder, now_us)
        lease.granted -= idle
        self.leased -= idle
        lease.answered = max(lease.answered, recall)

    def report(self, holder: str, spent: int, bound: int, now_us: int) -> None:
        """Note that *holder* has spent so much, and holds *bound* for calls under way.

        A call that cost more than was held for it was paid all the same: then more
        is leased than was granted.
        """
        lease = self._lease(holder, now_us)
        lease.spent = spent
        short = max(spent + bound - lease.granted, 0)
        lease.granted += short
        self.leased += short

    def leave(self, holder: str) -> None:
        """Close the lease of *holder*, who gave back what was idle."""
        lease = self.leases.pop(holder, None)
        if lease is not None:
            # What is still held at the end counts as spent.
            self.settled += lease.granted

    def spent(self, now_us: int) -> int:
        """Return what is spent; of a replica that is gone, all that it may have."""
        alive = now_us - ALIVE_US
        return self.settled + sum(
            lease.spent if lease.seen_us >= alive else lease.granted
            for lease in self.leases.values()
        )

    def _lease(self, holder: str, now_us: int) -> Lease:
        lease = self.leases.setdefault(holder, Lease())
        lease.seen_us = now_us
        return lease

    def _idle(self, holder: str, now_us: int, recall: int) -> bool:
        """Say whether somebody else may give something back upon *recall*."""
        return any(
            lease.granted > lease.spent
            and lease.answered < recall
            and lease.seen_us >= now_us - ALIVE_US
            for name, lease in self.leases.items()
            if name != holder
        )


def grant_of(need: int, free: int, *, tight: bool) -> int:
    """Return how much to lease to who needs *need*, 0 if that much is not free.

    While there is plenty it is more than the need, so that the next calls need not
    ask; when it is *tight*, it is no more.
    """
    if need > free:
        return 0
    ahead = 0 if tight else min(AHEAD * need, free // PLENTY)
    return max(need, ahead)


def passed(spent: int, amount: int, marks: tuple[int, ...], told: int) -> int:
    """Return the highest of *marks*, in percent, that *spent* has newly reached, or 0.

    *told* is the highest that somebody was told of before.
    """
    reached = [m for m in marks if m > told and spent * 100 >= amount * m]
    return max(reached, default=0)
