"""Leases are arithmetic: replicas, crashes and recalls at random, and two rules.

What is spent never exceeds the budget, and as many calls as fit are admitted.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.money.account import Account
from roadbed.gateway.money.lease import (
    ALIVE_US,
    TIGHT_US,
    Ask,
    Counter,
    grant_of,
    passed,
)
from roadbed.gateway.money.rule import BudgetRule, Key
from roadbed.gateway.money.scope import Scope

SEEDS = range(60)
NOW = 10**12


def rule(cap):
    return BudgetRule(
        name="b", tenant="default", amount=cap, period="total", scope=Scope()
    )


class Replica:
    """One process: an account, calls that wait for more, and calls under way."""

    def __init__(self, name, counter, cap):
        self.name = name
        self.counter = counter
        self.account = Account(Key("b", 0), rule(cap))
        self.waiting = []
        self.recall = 0
        self.held = []
        self.admitted = 0
        self.refused = 0

    def ask(self, now_us):
        """Let the first call in the queue try once, as a teller does."""
        if not self.waiting:
            return
        amount, account = self.waiting[0], self.account
        if not account.hold(amount, 0):
            ask = Ask(amount - account.free, account.rule.cap, self.recall)
            drawn = self.counter.draw(self.name, ask, now_us)
            account.granted = drawn.granted
            self.recall = drawn.recall
            if drawn.refused:
                self.refused += 1
                self.waiting.pop(0)
                self.recall = 0
            return
        self.recall = 0
        self.waiting.pop(0)
        self.admitted += 1
        self.held.append(amount)

    def settle(self, chance):
        if self.held:
            amount = self.held.pop(chance.randrange(len(self.held)))
            self.account.settle(amount, chance.choice([0, amount // 3, amount]))

    def look(self, now_us):
        lease = self.counter.leases.get(self.name)
        if lease is None:
            return
        recall = self.counter.recalls if self.counter.recalls > lease.answered else 0
        told = self.account.report(returning=bool(recall), recall=recall)
        self.counter.report(self.name, told.spent, told.bound, now_us)
        self.counter.answer(self.name, told.idle, told.recall, now_us)
        self.account.granted = lease.granted


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_as_many_as_fit_are_admitted(seed):
    chance = random.Random(seed)
    fits, amount = chance.randint(0, 40), chance.randint(3, 10**9)
    cap = fits * amount + chance.randrange(amount)
    counter, now_us = Counter(), NOW
    replicas = [Replica(f"r{i}", counter, cap) for i in range(chance.randint(1, 4))]
    for _ in range(fits + 30):
        chance.choice(replicas).waiting.append(amount)

    while any(r.waiting for r in replicas):
        now_us += chance.randrange(60_000)
        replica = chance.choice(replicas)
        chance.choice([replica.ask, replica.look])(now_us)
        assert counter.leased <= cap

    assert sum(r.admitted for r in replicas) == fits, f"seed {seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_never_more_is_spent_than_there_is_whoever_crashes(seed):
    chance = random.Random(seed)
    cap = chance.randint(1, 10**12)
    counter, now_us, gone = Counter(), NOW, []
    replicas = [Replica(f"r{i}", counter, cap) for i in range(4)]
    for step in range(600):
        now_us += chance.randrange(100_000)
        replica = chance.choice(replicas)
        act = chance.randrange(12)
        if act < 4:
            replica.waiting.append(chance.randint(1, max(cap // 20, 1)))
        elif act < 7:
            replica.ask(now_us)
        elif act < 9:
            replica.settle(chance)
        elif act < 11:
            replica.look(now_us)
        elif chance.random() < 0.2:
            gone.append(replica)
            replicas[replicas.index(replica)] = Replica(f"n{step}", counter, cap)
        spent = sum(r.account.spent + r.account.held for r in [*replicas, *gone])
        assert spent <= counter.leased <= cap, f"seed {seed}"

    later = now_us + ALIVE_US + 1
    assert sum(r.account.spent for r in gone) <= counter.spent(later)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_given_back_can_be_spent_by_later_callers(seed):
    """Each call costs a part of what was held for it; the rest is not lost."""
    chance = random.Random(seed)
    amount = 1_000
    cap = 50 * amount
    counter, now_us = Counter(), NOW
    replicas = [Replica(f"r{i}", counter, cap) for i in range(3)]
    paid = 0
    while not any(r.refused for r in replicas):
        now_us += 50_000
        replica = chance.choice(replicas)
        replica.waiting.append(amount)
        while replica.waiting:
            now_us += 50_000
            replica.ask(now_us)
            for each in replicas:
                each.look(now_us)
        if replica.held:
            replica.account.settle(replica.held.pop(), 300)
            paid += 300

    assert cap - amount < paid <= cap


@given(st.integers(1, 10**18), st.integers(-(10**18), 10**18), st.booleans())
def test_a_grant_is_nothing_or_enough_and_never_more_than_is_free(need, free, tight):
    amount = grant_of(need, free, tight=tight)

    assert amount == 0 if need > free else need <= amount <= free
    if tight and amount:
        assert amount == need


def test_nobody_waits_for_a_replica_that_is_gone():
    counter = Counter()
    counter.draw("dead", Ask(60, 100), 0)

    asked = counter.draw("me", Ask(50, 100), ALIVE_US + 1)

    assert asked.refused
    assert counter.spent(ALIVE_US + 1) == 60


def test_a_recall_waits_until_all_that_live_have_answered():
    counter = Counter()
    counter.draw("a", Ask(60, 100), 0)
    counter.draw("b", Ask(30, 100), 0)

    first = counter.draw("me", Ask(50, 100), 10)
    counter.answer("a", 0, first.recall, 20)
    second = counter.draw("me", Ask(50, 100, first.recall), 30)
    counter.answer("b", 30, first.recall, 40)
    third = counter.draw("me", Ask(50, 100, first.recall), 50)

    assert (first.refused, second.refused, third.refused) == (False, False, True)
    assert counter.draw("me", Ask(40, 100), 60).amount == 40


def test_after_a_recall_nobody_gets_more_than_is_needed():
    counter = Counter()
    plenty = counter.draw("a", Ask(1, 1_000), NOW).amount
    counter.recalled_us = NOW

    assert plenty > 1
    assert counter.draw("a", Ask(1, 1_000), NOW + 1).amount == 1
    assert counter.draw("a", Ask(1, 1_000), NOW + TIGHT_US).amount > 1


def test_a_call_that_cost_more_than_was_held_is_paid_all_the_same():
    counter = Counter()
    counter.draw("a", Ask(100, 100), 0)

    counter.report("a", 130, 0, 1)

    assert counter.leased == counter.spent(1) == 130
    assert counter.draw("b", Ask(1, 100), 2).refused


def test_a_process_that_ends_gives_back_what_it_did_not_spend():
    counter = Counter()
    counter.draw("a", Ask(80, 100), 0)
    counter.report("a", 30, 0, 1)
    counter.answer("a", 50, 0, 1)
    counter.leave("a")

    assert (counter.settled, counter.leased, counter.leases) == (30, 30, {})
    assert counter.draw("b", Ask(70, 100), 2).amount == 70


@pytest.mark.parametrize(
    ("spent", "told", "mark"),
    [(49, 0, 0), (50, 0, 50), (79, 50, 0), (100, 50, 100), (130, 100, 0)],
)
def test_each_mark_is_told_of_once(spent, told, mark):
    assert passed(spent, 100, (50, 80, 100), told) == mark
