"""Budgets over a real database, on both engines: exact on one replica and on four."""

import asyncio
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from roadbed.core.errors import BudgetExhausted, NotReady
from roadbed.database.engine import open_database
from roadbed.gateway.alerts import list_alerts
from roadbed.gateway.money import teller as teller_module
from roadbed.gateway.money.bank import Bank, counters
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.rule import BudgetRule, Key, dollars, nano, run_of
from roadbed.gateway.money.scope import Scope
from roadbed.gateway.money.tariff import ATTO, Prices, Rate, Tariff, When
from roadbed.gateway.money.teller import Teller
from roadbed.inference.call import Usage
from tests.gateway.money.calls import PRICES, a_call, asked, choice_at

NOW = 1_790_000_000_000_000
CALL = 1_000_000
"""What one of these calls costs at most, in billionths of a dollar."""


SCOPE = Scope(run=True)


def rule(amount, name="b", **how):
    known = {"tenant": "default", "period": "day", "scope": Scope()} | how
    return BudgetRule(name=name, amount=amount, **known)


class Line:
    """One replica: its purse, over the database that it shares."""

    def __init__(self, database, holder="one", now_us=lambda: NOW):
        self.bank = Bank(database, holder)
        self.teller = Teller(self.bank, now_us)
        self.purse = Budgets(self.teller, now_us)

    async def hold(self, *rules, **call):
        choice = choice_at(PRICES)
        made = a_call(rules, **call)
        return await self.purse.hold(made, choice, choice.upstreams[0])


def spent(database, name="b"):
    with database.read() as connection:
        found = counters(connection, [name])
    return sum(counter.spent(NOW) for counter in found.values())


def test_as_many_callers_as_fit_are_admitted_on_one_replica(database):
    async def burst():
        line = Line(database)
        budget = rule(7 * CALL + CALL // 2)
        tries = [line.hold(budget) for _ in range(25)]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        line.purse.close()
        return ends

    ends = asyncio.run(burst())

    assert sum(not isinstance(end, Exception) for end in ends) == 7
    assert all(isinstance(e, BudgetExhausted) for e in ends if isinstance(e, Exception))


def url_of(database):
    return database.engine.url.render_as_string(hide_password=False)


async def replica(url, name, pipe, calls, cap):
    """Be one process among several: wait for the word, call, and stay until the end."""
    line = Line(open_database(url), name, lambda: time.time_ns() // 1000)
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    tries = [line.hold(rule(cap, period="total")) for _ in range(calls)]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    held = [end for end in ends if not isinstance(end, BaseException)]
    refused = [end for end in ends if isinstance(end, BudgetExhausted)]
    pipe.send((len(held), len(refused)))
    await asyncio.to_thread(pipe.recv)
    for each in held:
        each.settle(None, 0, sent=False)
    line.purse.close()
    pipe.send("closed")


def run_replica(*words):
    asyncio.run(replica(*words))


@pytest.fixture
def patient(monkeypatch):
    """Let replicas wait for one another however slow the disk is."""
    monkeypatch.setattr(teller_module, "ANSWER_S", 60.0)


@pytest.mark.usefixtures("patient")
def test_as_many_callers_as_fit_are_admitted_on_four_replicas(database):
    fits, calls = 10, 12
    forked = multiprocessing.get_context("fork")
    pipes = [forked.Pipe() for _ in range(4)]
    works = [
        forked.Process(
            target=run_replica,
            args=(url_of(database), f"r{i}", theirs, calls, fits * CALL + 5),
            daemon=True,
        )
        for i, (_, theirs) in enumerate(pipes)
    ]
    database.close()  # no connection of ours goes along
    for work in works:
        work.start()

    def heard(ours):
        assert ours.poll(60), "a replica fell silent"
        return ours.recv()

    ours = [pipe for pipe, _ in pipes]
    try:
        assert [heard(pipe) for pipe in ours] == ["ready"] * 4
        for pipe in ours:
            pipe.send("go")
        ends = [heard(pipe) for pipe in ours]
        for pipe in ours:
            pipe.send("end")
        assert [heard(pipe) for pipe in ours] == ["closed"] * 4
    finally:
        for work in works:
            work.kill()

    assert sum(held for held, _ in ends) == fits
    assert sum(held + refused for held, refused in ends) == 4 * calls
    assert spent(database) == 0


@pytest.mark.usefixtures("patient")
def test_what_one_replica_leaves_idle_another_may_spend(database):
    async def both():
        one, two = Line(database, "one"), Line(database, "two")
        budget = rule(40 * CALL)
        first = await one.hold(budget)
        assert one.teller.account(budget.key_of(a_call(), NOW), budget).free > 0
        held = [await two.hold(budget) for _ in range(39)]
        with pytest.raises(BudgetExhausted):
            await two.hold(budget)
        first.settle(Usage(input_tokens=1), 0)
        await asyncio.sleep(teller_module.EVERY_S)
        held.append(await two.hold(rule(41 * CALL)))
        for each in held:
            each.settle(None, 0, sent=False)
        one.purse.close()
        two.purse.close()

    asyncio.run(both())
    assert 0 < spent(database) < CALL


def test_what_was_held_and_not_used_is_there_for_the_next(database):
    async def one_after_the_other():
        line = Line(database)
        budget = rule(CALL)
        for _ in range(20):
            hold = await line.hold(budget)
            assert hold.settle(Usage(input_tokens=10), 0).cost_nano == 10_000
        line.purse.close()

    asyncio.run(one_after_the_other())
    assert spent(database) == 200_000


def test_a_replica_that_dies_has_spent_what_it_may_have(database):
    async def dies_then():
        await Line(database, "dead").hold(rule(3 * CALL))
        line = Line(database, "other", lambda: NOW + 60_000_000)
        ends = [await asked(line.hold(rule(3 * CALL))) for _ in range(4)]
        line.purse.close()
        return ends

    assert asyncio.run(dies_then()) == [True, True, False, False]


def test_each_run_has_its_own_amount(database):
    async def runs():
        line = Line(database)
        budget = rule(CALL, scope=SCOPE)
        ends = [
            await asked(line.hold(budget, run=run)) for run in ("x", "y", "x", "", "")
        ]
        line.purse.close()
        return ends

    assert asyncio.run(runs()) == [True, True, False, True, True]


async def left_idle(database, budget, *runs):
    """Return a line whose *runs* paid for a call each, said so, and make no more."""
    line, clock = Line(database), SimpleNamespace(now=0.0)
    line.teller._clock = lambda: clock.now
    for run in runs:
        hold = await line.hold(budget, run=run)
        hold.settle(Usage(input_tokens=1000, output_tokens=1000), 0)
    for clock.now in (2.0, 30.0):
        await line.teller.look()
    clock.now = 100.0
    return line


def test_runs_that_ended_leave_no_account_and_no_lease_but_what_they_spent(database):
    """A budget for each run that never renews sees new runs for ever."""
    budget = rule(2 * CALL + CALL // 2, period="total", scope=SCOPE)

    async def days():
        line = await left_idle(database, budget, *"abc")
        await line.teller.look()
        left = dict(line.teller._accounts)
        hold = await line.hold(budget, run="a")
        hold.settle(Usage(input_tokens=1000, output_tokens=1000), 0)
        again = await asked(line.hold(budget, run="a"))
        line.purse.close()
        return left, again

    before = spent(database)
    left, again = asyncio.run(days())
    with database.read() as connection:
        found = counters(connection, ["b"])

    assert (before, left, again) == (0, {}, False)
    assert sorted(c.settled for c in found.values()) == [CALL, CALL, 2 * CALL]
    assert [c.leased - c.settled for c in found.values()] == [0, 0, 0]
    assert all(not c.leases for c in found.values())


def test_a_run_that_a_call_is_about_to_pay_for_is_not_forgotten(database):
    """The call waits for another budget while runs that are idle are left."""
    team = rule(5 * CALL, name="a-team")
    run = rule(2 * CALL + CALL // 2, name="b-run", period="total", scope=SCOPE)

    async def pay(line, *rules):
        hold = await line.hold(*rules, run="r")
        hold.settle(Usage(input_tokens=1000, output_tokens=1000), 0)

    async def calls():
        line, clock = Line(database), SimpleNamespace(now=1000.0)
        line.teller._clock = lambda: clock.now
        draw, drawing, go = line.bank.draw, threading.Event(), threading.Event()

        def slow(key, *args):
            if key.budget == "a-team":
                drawing.set()
                assert go.wait(20)
            return draw(key, *args)

        await line.hold(rule(9 * CALL, name="other"))
        line.bank.draw = slow
        paying = asyncio.create_task(pay(line, team, run))
        await asyncio.to_thread(drawing.wait, 20)
        await line.teller.look()
        go.set()
        await paying
        await pay(line, run)
        third = await asked(line.hold(run, run="r"))
        line.purse.close()
        return third

    assert asyncio.run(calls()) is False
    assert spent(database, "b-run") == 2 * CALL


def test_runs_that_are_left_while_the_process_ends_are_settled_once(database):
    budget = rule(2 * CALL, period="total", scope=SCOPE)

    async def ends():
        line = await left_idle(database, budget, *"abc")
        leave = line.teller._leave

        def leave_and_close(reports):
            leave(reports)
            line.teller.close()

        line.teller._leave = leave_and_close
        await line.teller.look()

    asyncio.run(ends())
    with database.read() as connection:
        found = counters(connection, ["b"]).values()

    assert [(c.leased, c.settled, c.leases) for c in found] == [(CALL, CALL, {})] * 3


def test_a_run_that_was_refused_at_once_leaves_no_trace(database):
    async def refused():
        line, clock = Line(database), SimpleNamespace(now=1000.0)
        line.teller._clock = lambda: clock.now
        small = rule(1, period="total", scope=SCOPE)
        assert not await asked(line.hold(small, run="x"))
        clock.now += 100
        await line.teller.look()
        return line.teller._accounts

    assert asyncio.run(refused()) == {}
    with database.read() as connection:
        assert counters(connection, ["b"]) == {}


def test_a_run_that_cost_nothing_leaves_no_lease(database):
    async def calls():
        line, clock = Line(database), SimpleNamespace(now=1000.0)
        line.teller._clock = lambda: clock.now
        hold = await line.hold(rule(9 * CALL, period="total", scope=SCOPE), run="x")
        hold.settle(None, 0, sent=False)
        for clock.now in (1002.0, 1030.0, 1100.0):
            await line.teller.look()
        return line.teller._accounts

    assert asyncio.run(calls()) == {}
    with database.read() as connection:
        [counter] = counters(connection, ["b"]).values()
    assert (counter.leased, counter.settled, counter.leases) == (0, 0, {})


def test_leases_whose_end_was_lost_on_the_way_are_settled_once(database):
    """The database took it down, and the connection broke before it said so."""

    async def calls():
        budget = rule(9 * CALL, period="total", scope=SCOPE)
        line = await left_idle(database, budget, "x")
        leave = line.bank.leave

        def lost(*args, **how):
            leave(*args, **how)
            raise OSError("the connection was lost")

        line.bank.leave = lost
        with pytest.raises(OSError, match="lost"):
            await line.teller.look()
        line.bank.leave = leave
        await line.teller.look()
        return line.teller._accounts

    assert asyncio.run(calls()) == {}
    with database.read() as connection:
        [counter] = counters(connection, ["b"]).values()
    assert (counter.leased, counter.settled, counter.leases) == (CALL, CALL, {})


def test_a_caller_who_leaves_while_a_lease_is_closed_orphans_none(database):
    async def calls():
        run = rule(9 * CALL, period="total", scope=SCOPE)
        line = await left_idle(database, run, "x")
        leave, leaving, go = line.bank.leave, threading.Event(), threading.Event()

        def slow(*args, **how):
            leaving.set()
            assert go.wait(20)
            leave(*args, **how)

        line.bank.leave = slow
        looking = asyncio.create_task(line.teller.look())
        await asyncio.to_thread(leaving.wait, 20)
        calling = asyncio.create_task(line.hold(run, run="x"))
        await asyncio.sleep(0.05)
        calling.cancel()
        go.set()
        await asyncio.wait([looking, calling])
        for drawing in list(line.teller._drawing):
            await asyncio.wait([drawing])
        line.bank.leave = leave
        line.purse.close()

    asyncio.run(calls())
    with database.read() as connection:
        [counter] = counters(connection, ["b"]).values()
    assert (counter.leased, counter.settled, counter.leases) == (CALL, CALL, {})


def test_what_is_told_while_the_process_ends_is_told_once(database):
    """A report that comes after the lease is closed would open another one."""

    async def ends():
        line = Line(database)
        pool, closed = ThreadPoolExecutor(max_workers=1), threading.Event()
        asyncio.get_running_loop().set_default_executor(pool)
        recalls = line.bank.recalls

        def then_wait():
            found = recalls()
            pool.submit(closed.wait, 20)  # the report stands behind it
            return found

        hold = await line.hold(rule(3 * CALL))
        hold.settle(Usage(input_tokens=1000, output_tokens=1000), 0)
        line.bank.recalls = then_wait
        look = asyncio.create_task(line.teller.look())
        await asyncio.sleep(0.1)
        end = threading.Thread(target=lambda: (line.teller.close(), closed.set()))
        end.start()
        await look

    asyncio.run(ends())
    with database.read() as connection:
        [counter] = counters(connection, ["b"]).values()

    assert (counter.leased, counter.settled, counter.leases) == (CALL, CALL, {})


def test_a_refusal_says_which_budget_and_when_it_renews(database):
    async def refused():
        line = Line(database)
        await line.hold(rule(CALL))
        await line.hold(rule(CALL))

    with pytest.raises(BudgetExhausted) as refusal:
        asyncio.run(refused())

    assert "'b' of $0.001 has not enough left" in refusal.value.message
    assert "renews at 2026-09-22 00:00 UTC" in refusal.value.hint
    with database.read() as connection:
        alert = list_alerts(connection)[0]
    assert (alert.code, alert.severity) == ("budget.spent", "critical")


def test_a_call_that_no_budget_could_pay_is_refused_without_asking(database):
    async def refused():
        await Line(database).hold(rule(CALL - 1))

    with pytest.raises(BudgetExhausted, match="more than the whole budget"):
        asyncio.run(refused())


def test_who_has_no_budget_and_what_costs_nothing_is_never_refused(database):
    async def innocent():
        line = Line(database)
        budget = rule(CALL, scope=Scope(endpoint="paid"))
        await line.hold(budget, endpoint="paid")
        assert await asked(line.hold(budget, endpoint="paid")) is False
        other = await line.hold(budget, endpoint="free")
        assert other.settle(Usage(input_tokens=5), 0).cost_nano == 5_000
        for prices in (None, Prices(((When(), Tariff()),))):
            choice = choice_at(prices)
            call = a_call([budget], endpoint="paid")
            hold = await line.purse.hold(call, choice, choice.upstreams[0])
            assert hold.settle(Usage(input_tokens=5), 0).cost_nano == 0
        line.purse.close()

    asyncio.run(innocent())


def test_a_soft_budget_tells_and_refuses_nothing(database):
    async def over():
        line = Line(database)
        budget = rule(2 * CALL, refuses=False)
        for _ in range(5):
            hold = await line.hold(budget)
            hold.settle(Usage(input_tokens=1_000), 0)
        line.purse.close()

    asyncio.run(over())
    assert spent(database) == 5 * CALL
    with database.read() as connection:
        told = [alert.message for alert in list_alerts(connection)]
    assert told == ["budget b: 100 % of $0.002 is spent"]


def test_the_marks_are_told_of_while_the_server_runs(database):
    async def half():
        line = Line(database)
        budget = rule(10 * CALL)
        for tokens in (5_000, 100, 3_000):
            for _ in range(tokens // 1_000 or 1):
                hold = await line.hold(budget)
                hold.settle(Usage(input_tokens=min(tokens, 1_000)), 0)
            line.teller._reported_s = 0
            await line.teller.look()
        line.purse.close()

    asyncio.run(half())
    with database.read() as connection:
        told = sorted(alert.message for alert in list_alerts(connection))
    assert told == [
        "budget b: 50 % of $0.01 is spent",
        "budget b: 80 % of $0.01 is spent",
    ]


def test_two_budgets_are_held_both_or_neither(database):
    async def both():
        line = Line(database)
        small, large = rule(CALL, "small"), rule(9 * CALL, "large")
        await line.hold(small, large)
        assert await asked(line.hold(small, large)) is False
        for _ in range(8):
            await line.hold(large)
        assert await asked(line.hold(large)) is False

    asyncio.run(both())


def test_a_caller_who_leaves_while_more_is_drawn_holds_nothing(database):
    async def leaves():
        line = Line(database)
        budget = rule(CALL)
        task = asyncio.create_task(line.hold(budget))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await asked(line.hold(budget))

    assert asyncio.run(leaves())


def test_a_database_that_is_away_lets_nothing_through_beyond_the_lease(
    sqlite_database, monkeypatch
):
    def away(*_args):
        raise OSError("away")

    async def without():
        line = Line(sqlite_database)
        budget = rule(1_000 * CALL)
        await line.hold(budget)
        monkeypatch.setattr(line.bank, "draw", away)
        monkeypatch.setattr(line.bank, "report", away)
        held = 0
        with pytest.raises(NotReady):
            while held < 2_000:
                await line.hold(budget)
                held += 1
        return held

    assert 0 < asyncio.run(without()) < 1_000


def test_a_settled_hold_stays_as_it_is(sqlite_database):
    async def twice():
        line = Line(sqlite_database)
        hold = await line.hold(rule(CALL))
        first = hold.settle(Usage(input_tokens=100), 0)
        assert hold.settle(Usage(input_tokens=900), 0) is first
        line.purse.close()

    asyncio.run(twice())
    assert spent(sqlite_database) == 100_000


def test_a_new_window_begins_with_a_full_budget(sqlite_database):
    clock = SimpleNamespace(now=NOW)

    async def days():
        line = Line(sqlite_database, now_us=lambda: clock.now)
        assert await asked(line.hold(rule(CALL)))
        assert not await asked(line.hold(rule(CALL)))
        clock.now += 86_400_000_000
        assert await asked(line.hold(rule(CALL)))

    asyncio.run(days())


def test_amounts_are_read_and_written_exactly():
    assert nano("250.000000001") == 250_000_000_001
    assert dollars(250_000_000_001) == "250.000000001"
    assert dollars(1_500_000_000) == "1.50"
    assert dollars(-20_000_000) == "-0.02"


def test_a_run_by_any_name_has_a_short_plain_key():
    assert run_of("run-7_b") == "run-7_b"
    assert run_of("../../x") != run_of("../../y")
    assert len(run_of("x" * 10_000)) < 40


def test_prices_of_these_tests_are_what_they_say():
    assert PRICES.at(NOW) == Tariff(input=Rate(ATTO), output=Rate(0))


def test_windows_that_are_long_over_are_dropped_and_no_others(database):
    rules = [rule(9 * CALL, p, period=p) for p in ("hour", "month", "total")]
    old, young = NOW - 63 * 86_400 * 1_000_000, NOW - 30 * 86_400 * 1_000_000

    async def spend_at(moment_us):
        line = Line(database, now_us=lambda: moment_us)
        hold = await line.hold(*rules)
        hold.settle(Usage(input_tokens=1_000), 0)
        line.purse.close()

    for moment_us in (old, young, NOW):
        asyncio.run(spend_at(moment_us))
    dropped = Bank(database, "any").forget(NOW)

    with database.read() as connection:
        left = counters(connection, ["hour", "month", "total"])
    assert dropped == 2
    assert sorted(key.budget for key in left) == ["hour"] * 2 + ["month"] * 2 + [
        "total"
    ]
    assert left[Key("total", 0)].spent(NOW) == 3 * CALL
