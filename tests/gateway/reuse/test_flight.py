"""Many who ask the same at once: one question goes upstream, whoever leaves."""

import asyncio

import pytest

from roadbed.core.errors import BudgetExhausted, Conflict, Unavailable
from roadbed.inference.call import Chunk
from tests.gateway.reuse.asking import Counting, Desk, asks, person, served, until

RULE = {"ttl_s": 60}


def crowd(count, where, **fields):
    return [asks(where, person(f"p{n}"), **fields) for n in range(count)]


def test_a_stampede_asks_upstream_once():
    async def stampede():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        calls = crowd(200, where)
        asking = [asyncio.create_task(desk.ask(call)) for call in calls]
        await until(lambda: runner.asked and calls[0].followers == 199)
        runner.go.set()
        texts = {text for text, _ in await asyncio.gather(*asking)}
        return desk, runner, texts

    desk, runner, texts = asyncio.run(stampede())

    assert (runner.asked, texts) == (1, {"answer 1"})
    assert sorted(o.cache for o in desk.ended.outcomes) == [""] + ["hit"] * 199
    assert sum(o.counted.output_tokens for o in desk.ended.outcomes) == 3


def test_who_comes_at_any_moment_never_asks_a_second_time():
    async def trickle():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        asking = []
        for number, call in enumerate(crowd(60, where)):
            asking.append(asyncio.create_task(desk.ask(call)))
            if number == 20:
                runner.go.set()
            await asyncio.sleep(0)
        await asyncio.gather(*asking)
        return runner.asked

    assert asyncio.run(trickle()) == 1


def test_one_who_fails_fails_all_that_wait_and_nobody_after():
    async def fail():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        runner.error = Unavailable("down")
        where = served(runner, cache=RULE)
        asking = [asyncio.create_task(desk.ask(c)) for c in crowd(5, where)]
        await until(lambda: runner.asked)
        runner.go.set()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        runner.error = None
        later, _ = await desk.ask(asks(where))
        return desk, ends, later

    desk, ends, later = asyncio.run(fail())

    assert [type(end) for end in ends] == [Unavailable] * 5
    assert later == "answer 2"
    assert {o.cache for o in desk.ended.outcomes} == {""}


def test_the_empty_purse_of_the_first_is_nobody_elses_trouble():
    async def spend():
        spent = {"p0", "p1"}

        async def hold(call, outcome):
            asked.append(call.principal.name)
            await gate.wait()
            if call.principal.name in spent:
                raise BudgetExhausted("all spent")
            yield Chunk(text="bought", finish="stop")

        asked, gate = [], asyncio.Event()
        desk = Desk(ask=hold)
        calls = crowd(6, served(Counting(), cache=RULE))
        asking = [asyncio.create_task(desk.ask(c)) for c in calls]
        await until(lambda: calls[0].followers == 5)
        gate.set()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        return asked, ends, [call.told for call in calls]

    asked, ends, told = asyncio.run(spend())

    assert asked == ["p0", "p1", "p2"]
    assert [type(end) for end in ends[:2]] == [BudgetExhausted] * 2
    assert [text for text, _ in ends[2:]] == ["bought"] * 4
    assert told[2] == {"x-roadbed-cache": "miss"}
    assert told[3] == {"x-roadbed-cache": "hit", "age": "0"}


def test_what_has_begun_is_not_asked_for_again():
    async def breaks():
        async def half(call, outcome):
            asked.append(call)
            yield Chunk(text="half")
            await gate.wait()
            raise Conflict("no more")

        asked, gate = [], asyncio.Event()
        desk = Desk(ask=half)
        calls = crowd(3, served(Counting(), cache=RULE))
        asking = [asyncio.create_task(desk.ask(c)) for c in calls]
        await until(lambda: calls[0].followers == 2)
        await asyncio.sleep(0.01)
        gate.set()
        return len(asked), await asyncio.gather(*asking, return_exceptions=True)

    asked, ends = asyncio.run(breaks())

    assert asked == 1
    assert [type(end) for end in ends] == [Conflict] * 3


@pytest.mark.parametrize("left_by_server", [True, False])
def test_the_first_who_leaves_takes_nobody_along(left_by_server):
    async def leave():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        calls = crowd(3, where)
        first, *others = [asyncio.create_task(desk.ask(call)) for call in calls]
        await until(lambda: calls[0].followers == 2)
        calls[0].left = left_by_server
        first.cancel()
        await asyncio.wait([first])
        runner.go.set()
        return runner, [text for text, _ in await asyncio.gather(*others)], desk

    runner, texts, desk = asyncio.run(leave())

    assert (runner.asked, texts) == (1, ["answer 1"] * 2)
    assert len(desk.shelf) == 1


def test_when_all_have_left_the_upstream_is_let_go_of():
    async def leave():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        asking = [asyncio.create_task(desk.ask(c)) for c in crowd(3, where)]
        await until(lambda: runner.asked)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        closed = runner.closed
        runner.go.set()
        return closed, await desk.ask(asks(where)), desk.cached._flights

    closed, (text, _), flights = asyncio.run(leave())

    assert (closed, text, flights) == (1, "answer 2", {})


def test_nobody_joins_a_flight_whose_only_reader_is_leaving():
    async def leave():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        first, second = crowd(2, where)
        one = asyncio.create_task(desk.ask(first))
        await until(lambda: runner.asked)
        first.left = True
        two = asyncio.create_task(desk.ask(second))
        await until(lambda: runner.asked == 2)
        one.cancel()
        runner.go.set()
        return await two

    assert asyncio.run(leave())[0] == "answer 2"


def test_a_slow_reader_holds_up_nobody():
    async def slow():
        desk, runner = Desk(), Counting()
        where = served(runner, cache=RULE)
        stuck = desk.path.travel(asks(where))
        await anext(stuck)
        text, _ = await desk.ask(asks(where))
        await stuck.aclose()
        return text, runner.asked

    assert asyncio.run(slow()) == ("answer 1", 1)


def test_those_of_another_form_or_tenant_are_asked_for_apart():
    async def mixed():
        desk, runner = Desk(), Counting()
        runner.go.clear()
        where = served(runner, cache=RULE)
        calls = [
            asks(where),
            asks(where, stream=True),
            asks(where, person(tenant="other")),
        ]
        asking = [asyncio.create_task(desk.ask(call)) for call in calls]
        await until(lambda: runner.asked == 3)
        runner.go.set()
        await asyncio.gather(*asking)
        return [call.followers for call in calls]

    assert asyncio.run(mixed()) == [0, 0, 0]
