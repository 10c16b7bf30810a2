"""One process's part of a budget, in memory: whole numbers, and no waiting."""

import asyncio

from roadbed.gateway.money.bank import Report
from roadbed.gateway.money.rule import BudgetRule, Key

REFUSED_S = 0.25
"""How long a refusal stands for calls that need as much, before it is asked again."""


class Account:
    """What this process may spend under one key: `granted`, less `spent` and `held`.

    Used on the thread of the event loop alone. `asking` is held by the one call that
    waits for more, `talking` by whoever exchanges figures with the bank; `users` are
    the calls that mean to hold something. `known` says that the bank heard of it;
    `closed` is what was spent of a lease that is closed: a thread notes it, and it is
    no part of what is told from then on.
    """

    def __init__(self, key: Key, rule: BudgetRule) -> None:
        self.key = key
        self.rule = rule
        self.granted = 0
        self.spent = 0
        self.held = 0
        self.users = 0
        self.known = False
        self.closed: int | None = None
        self.reported = 0
        self.used_s = 0.0
        self.asking = asyncio.Lock()
        self.talking = asyncio.Lock()
        self._refused = (0, 0.0)

    @property
    def free(self) -> int:
        """Return what the next call may have; below zero if more was spent."""
        return self.granted - self.spent - self.held

    def hold(self, amount: int, now_s: float) -> bool:
        """Hold *amount* back if there is as much; say whether there was."""
        self.used_s = now_s
        if self.rule.refuses and self.free < amount:
            return False
        self.held += amount
        return True

    def settle(self, held: int, cost: int) -> None:
        """Pay *cost* out of what was *held* for a call, and give back the rest."""
        self.held -= held
        self.spent += cost

    def refuse(self, amount: int, now_s: float) -> None:
        """Remember that *amount* could not be had anywhere."""
        self._refused = (amount, now_s + REFUSED_S)

    def refuses(self, amount: int, now_s: float) -> bool:
        """Say whether so much was refused just now."""
        least, until_s = self._refused
        return now_s < until_s and amount >= least

    def report(self, *, returning: bool, recall: int = 0) -> Report:
        """Return what to tell the bank; if *returning*, with all that is idle.

        What is returned cannot be held from this moment on.
        """
        idle = max(self.free, 0) if returning else 0
        self.granted -= idle
        spent = self.spent - (self.closed or 0)
        return Report(self.key, self.rule, spent, self.held, idle, recall)

    def begin_anew(self) -> None:
        """Forget the lease, if it was closed."""
        if self.closed is not None:
            self.spent -= self.closed
            self.reported = self.granted = 0
            self.known, self.closed = False, None
