"""The purse of the gateway: holds back before an attempt, and settles after it."""

import time
from collections.abc import Callable, Sequence

from roadbed.gateway.money.account import Account
from roadbed.gateway.money.estimate import Estimator, guessed
from roadbed.gateway.money.rule import BudgetRule
from roadbed.gateway.money.tariff import Prices, Tariff
from roadbed.gateway.money.teller import Teller
from roadbed.inference.call import Call, TensorRequest, Usage
from roadbed.inference.purse import Bill
from roadbed.inference.snapshot import Choice, Upstream


class Budgets:
    """Keeps the budgets of the stack; a `inference.purse.Purse`."""

    def __init__(self, teller: Teller, now_us: Callable[[], int]) -> None:
        self._teller = teller
        self._now_us = now_us
        self._estimator = Estimator()

    async def hold(self, call: Call, choice: Choice, upstream: Upstream) -> "Held":
        """Hold back the most that asking *upstream* may cost; raise BudgetExhausted.

        A call that no budget is about, and one that costs nothing, are never refused.
        """
        tariff = _tariff_of(call, upstream)
        tokens = self._estimator.input_tokens(call, choice)
        rules = [r for r in call.snapshot.budgets if r.scope.includes(call)]
        accounts: list[Account] = []
        most = 0
        if rules and tariff is not None:
            answer = self._estimator.output_tokens(call, choice)
            most = tariff.most_nano(tokens, answer, _longest_us(call))
        if most:
            accounts = self._accounts(call, rules)
            await self._teller.hold(accounts, most)
        return Held(self._estimator, call, choice, tariff, tokens, (accounts, most))

    def forget(self) -> int:
        """Drop the rows of windows that are long over; blocks, and may raise."""
        return self._teller.forget()

    def close(self) -> None:
        """Settle what was spent and give back the rest; blocks, and may raise."""
        self._teller.close()

    def _accounts(self, call: Call, rules: Sequence[BudgetRule]) -> list[Account]:
        now_us = self._now_us()
        return [self._teller.account(r.key_of(call, now_us), r) for r in rules]


class Held:
    """What is held back for one attempt; a `inference.purse.Hold`."""

    __slots__ = (
        "_accounts", "_began_ns", "_bill", "_call", "_choice", "_estimator", "_most",
        "_tariff", "_tokens",
    )  # fmt: skip

    def __init__(
        self,
        estimator: Estimator,
        call: Call,
        choice: Choice,
        tariff: Tariff | None,
        tokens: int,
        held: tuple[Sequence[Account], int],
    ) -> None:
        self._estimator = estimator
        self._call = call
        self._choice = choice
        self._tariff = tariff
        self._tokens = tokens
        self._accounts, self._most = held
        self._began_ns = time.monotonic_ns()
        self._bill: Bill | None = None

    def settle(self, usage: Usage | None, said: int, *, sent: bool = True) -> Bill:
        """Pay for what was used and give back the rest; once, however often asked."""
        if self._bill is None:
            self._bill = self._pay(usage, said) if sent else Bill(0, "", usage)
            for account in self._accounts:
                account.settle(self._most, self._bill.cost_nano)
        return self._bill

    def _pay(self, usage: Usage | None, said: int) -> Bill:
        if usage is not None and not usage.estimated:
            self._estimator.learn(self._call, self._choice, usage)
        elif usage is None and not isinstance(self._call.request, TensorRequest):
            usage = guessed(self._tokens, said)
        if self._tariff is None:
            return Bill(0, "", usage)
        took_us = (time.monotonic_ns() - self._began_ns) // 1000
        cost = self._tariff.cost_nano(usage or Usage(), took_us)
        return Bill(cost, self._tariff.price, usage)


def _tariff_of(call: Call, upstream: Upstream) -> Tariff | None:
    prices: Prices | None = upstream.prices
    return prices.at(call.received_us) if prices is not None else None


def _longest_us(call: Call) -> int:
    """Return how long the call may take: a second more than its deadline."""
    deadline_ms = call.deployment.deadline_ms if call.deployment else 60_000
    return (deadline_ms + 1_000) * 1_000
