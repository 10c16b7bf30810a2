"""Between the accounts in memory and the bank: draws, reports, and gives back.

A call whose budgets have enough leased to this process never waits for a database.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack

from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.errors import BudgetExhausted, NotReady
from roadbed.gateway.money.account import Account
from roadbed.gateway.money.bank import Bank, Report
from roadbed.gateway.money.lease import Ask, Drawn
from roadbed.gateway.money.rule import BudgetRule, Key, dollars

EVERY_S = 0.25
REPORT_S = 1.0
IDLE_S = 10.0
RUN_IDLE_S = 60.0
AT_ONCE = 50
ANSWER_S = 5.0
POLL_S = 0.03
_AWAY = (SQLAlchemyError, OSError)
_log = logging.getLogger(__name__)


class Teller:
    """Keeps the accounts of one process, on its event loop.

    `close` and `forget` block: they run in threads.
    """

    def __init__(
        self,
        bank: Bank,
        now_us: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bank = bank
        self._now_us = now_us
        self._clock = clock
        self._accounts: dict[Key, Account] = {}
        self._drawing: set[asyncio.Task[Drawn]] = set()
        self._task: asyncio.Task[None] | None = None
        self._reported_s = 0.0
        self._closed = False
        self._ending = threading.Lock()
        self._away = False

    def account(self, key: Key, rule: BudgetRule) -> Account:
        """Return the account of *key*, under *rule* as it is now."""
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(key, rule)
            if self._task is None:
                self._task = asyncio.create_task(self._keep())
        account.rule = rule
        return account

    async def hold(self, accounts: Sequence[Account], amount: int) -> None:
        """Hold *amount* back in each of *accounts*, or in none; raise BudgetExhausted.

        Where more has to be drawn first, that is tried before anything else is held.
        """
        now = self._clock()
        if len(accounts) == 1 and accounts[0].hold(amount, now):
            return
        held: list[Account] = []
        for account in accounts:
            account.users += 1
        try:
            for account in sorted(accounts, key=lambda a: a.free >= amount):
                if not account.hold(amount, now):
                    await self._wait_for(account, amount)
                held.append(account)
        except BaseException:
            for account in held:
                account.settle(amount, 0)
            raise
        finally:
            for account in accounts:
                account.users -= 1

    def forget(self) -> int:
        """Let the bank drop what is long over; blocks, and may raise."""
        return self._bank.forget(self._now_us())

    def close(self) -> None:
        """Settle all accounts and give back what is left; blocks, and may raise."""
        with self._ending:
            self._closed = True
            accounts = list(self._accounts.values())
            reports = [account.report(returning=True) for account in accounts]
            if reports:
                self._bank.leave(reports, self._now_us())

    async def _wait_for(self, account: Account, amount: int) -> None:
        if amount > account.rule.amount:
            raise _exhausted(account, self._now_us(), amount)
        async with account.asking:
            recall, until_s = 0, self._clock() + ANSWER_S
            while not account.hold(amount, self._clock()):
                if account.refuses(amount, self._clock()):
                    raise _exhausted(account, self._now_us(), amount)
                drawn = await self._draw(account, amount, recall)
                recall = drawn.recall
                if drawn.refused or (recall and self._clock() > until_s):
                    account.refuse(amount, self._clock())
                elif recall:
                    await asyncio.sleep(POLL_S)

    async def _draw(self, account: Account, amount: int, recall: int) -> Drawn:
        """Ask the bank; what it gives arrives also if the caller has left."""
        task = asyncio.create_task(self._exchange(account, amount, recall))
        self._drawing.add(task)
        account.users += 1

        def drawn(task: asyncio.Task[Drawn]) -> None:
            account.users -= 1
            self._drawing.discard(task)

        task.add_done_callback(drawn)
        try:
            return await asyncio.shield(task)
        except _AWAY as error:
            raise NotReady(
                "the budgets of this call cannot be counted now",
                hint="try again; who runs this sees with `roadbed doctor` why",
            ) from error

    async def _exchange(self, account: Account, amount: int, recall: int) -> Drawn:
        async with account.talking:
            need = amount - account.free
            if need <= 0:
                return Drawn()
            ask = Ask(need, account.rule.cap, recall)
            place = account.key, account.rule, ask, self._now_us()
            account.known = True
            drawn = await asyncio.to_thread(self._bank.draw, *place)
            account.granted = drawn.granted
            return drawn

    async def _keep(self) -> None:
        """Report, answer recalls and give back, several times a second."""
        while not self._closed:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except _AWAY as error:
                if not self._away:
                    _log.warning("budgets cannot be reported", exc_info=error)
                self._away = True
            else:
                self._away = False

    async def look(self) -> None:
        """Look once at what has to be told to the bank."""
        if not any(a.granted or a.spent != a.reported for a in self._accounts.values()):
            await self._leave_runs()
            return self._forget()
        recalls = await asyncio.to_thread(self._bank.recalls)
        now_s = self._clock()
        full = now_s >= self._reported_s + REPORT_S
        due = [
            account
            for account in self._accounts.values()
            if account.key in recalls or (full and _has_news(account))
        ]
        if full:
            self._reported_s = now_s
        if due:
            await self._report(due, recalls)
        await self._leave_runs()
        return self._forget()

    async def _report(self, due: Iterable[Account], recalls: dict[Key, int]) -> None:
        async with AsyncExitStack() as stack:
            reports: list[Report] = []
            for account in due:
                await stack.enter_async_context(account.talking)
            for account in due:
                recall = recalls.get(account.key, 0)
                unused = self._clock() >= account.used_s + IDLE_S
                returning = bool(recall) or unused
                account.known = True
                reports.append(account.report(returning=returning, recall=recall))
            granted = await asyncio.to_thread(self._tell, reports)
            if granted is None:
                return
            for report in reports:
                account = self._accounts[report.key]
                account.granted = granted[report.key]
                account.reported = report.spent

    def _tell(self, reports: Sequence[Report]) -> dict[Key, int] | None:
        """Tell the bank *reports*, unless all was settled meanwhile; blocks."""
        with self._ending:
            if self._closed:
                return None
            return self._bank.report(reports, self._now_us())

    async def _leave_runs(self) -> None:
        """Close the leases of runs that make no more calls, and drop their accounts.

        A budget that never renews has as many of them as there ever were runs.
        """
        since_s = self._clock() - RUN_IDLE_S
        idle = [
            account
            for account in self._accounts.values()
            if account.key.run and account.used_s <= since_s and _is_told(account)
        ][:AT_ONCE]
        async with AsyncExitStack() as stack:
            for account in idle:
                await stack.enter_async_context(account.talking)
            # Of what was refused before it was asked for, the bank never heard.
            reports = [a.report(returning=True) for a in idle if a.known]
            if reports:
                await asyncio.to_thread(self._leave, reports)
            with self._ending:  # Held for long only by who settles all, at the end.
                for account in () if self._closed else idle:
                    account.begin_anew()
        for account in idle:
            if _is_told(account) and not account.known:
                self._accounts.pop(account.key, None)

    def _leave(self, reports: Sequence[Report]) -> None:
        """Close the leases, and note it before anybody settles all; blocks."""
        with self._ending:
            if not self._closed:
                self._bank.leave(reports, self._now_us(), told=True)
                for report in reports:
                    self._accounts[report.key].closed = report.spent

    def _forget(self) -> None:
        """Drop the accounts of windows that are over and paid for."""
        now_us = self._now_us()
        for key, account in list(self._accounts.items()):
            over = account.rule.window(now_us).since_us > key.since_us
            if over and _is_told(account):
                del self._accounts[key]


def _is_told(account: Account) -> bool:
    """Say whether nothing is under way for *account*, and the bank knows it all."""
    busy = account.held or account.users or account.talking.locked()
    return not busy and account.spent == account.reported and account.free <= 0


def _has_news(account: Account) -> bool:
    """Say whether the bank has to hear of *account*: also that it is still there."""
    return account.spent != account.reported or account.free > 0 or account.held > 0


def _exhausted(account: Account, now_us: int, amount: int) -> BudgetExhausted:
    rule = account.rule
    if amount > rule.amount:
        return BudgetExhausted(
            f"this call may cost ${dollars(amount)}, more than the whole budget "
            f"{rule.name!r} of ${dollars(rule.amount)}",
            hint="ask for less with max_tokens, or raise the budget in the stack",
        )
    window = rule.window(now_us)
    run = " for this run" if rule.scope.run else ""
    return BudgetExhausted(
        f"the budget {rule.name!r} of ${dollars(rule.amount)}{run} has not enough left "
        f"for this call, which may cost ${dollars(amount)}",
        hint="it does not renew" if window.until_us is None
        else f"it renews at {window.renews}",
    )  # fmt: skip
