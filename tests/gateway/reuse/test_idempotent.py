"""The same key is one upstream call and one answer, however that ended."""

import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from roadbed.core.errors import (
    Conflict,
    Denied,
    Invalid,
    NotReady,
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.gateway.reuse import idempotent, replay
from roadbed.gateway.reuse.idempotent import Idempotent, KeyReused
from roadbed.gateway.reuse.keys import Claim
from roadbed.gateway.reuse.leave import reads_on
from roadbed.gateway.reuse.need import is_unbilled
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.path import Path, ask_once
from roadbed.inference.tensor import from_values
from tests.gateway.reuse.asking import Counting, Ended, asks, person, served, until


class Drawer:
    """Keys in memory; `away` makes it fail like a database that is gone."""

    def __init__(self):
        self.rows, self.away = {}, False

    def claim(self, wanted):
        if self.away:
            raise OperationalError("claim", {}, Exception("gone"))
        owner, asked, answer = self.rows.get(wanted.key, (None, wanted.asked, None))
        if asked != wanted.asked:
            return Claim("other")
        if answer is not None:
            return Claim("done", answer)
        if owner is not None:
            return Claim("busy")
        self.rows[wanted.key] = (wanted.owner, wanted.asked, None)
        return Claim("mine")

    def answer(self, key, owner, answer):
        if self.away:
            raise OperationalError("answer", {}, Exception("gone"))
        self.rows[key] = (owner, self.rows[key][1], answer)

    def release(self, key, owner):
        self.rows.pop(key, None)


class Counter:
    """A path on which keys are looked at."""

    def __init__(self, ask=ask_once):
        self.drawer, self.ended = Drawer(), Ended()
        self.path = Path([self.ended], Idempotent(ask, self.drawer, self.wait))
        self.waits = 0

    async def wait(self, seconds):
        self.waits += 1
        await asyncio.sleep(0)

    async def ask(self, call, key="k"):
        call.idempotency_key = key
        chunks = [chunk async for chunk in self.path.travel(call)]
        return "".join(c.text for c in chunks), self.ended.outcomes[-1]

    def say(self, call, key="k"):
        return asyncio.run(self.ask(call, key))


def test_the_second_time_is_told_what_was_answered_the_first_time():
    desk, runner = Counter(), Counting()
    where = served(runner)
    first, paid = desk.say(asks(where))
    call = asks(where)
    again, free = desk.say(call)

    assert (first, again, runner.asked) == ("answer 1", "answer 1", 1)
    assert (paid.cache, free.cache) == ("", "replay")
    assert (paid.usage.output_tokens, free.usage) == (3, None)
    assert call.told == {"idempotent-replayed": "true"}


def test_without_a_key_or_with_another_each_request_is_one():
    desk, runner = Counter(), Counting()
    where = served(runner)
    said = [desk.say(asks(where), key)[0] for key in ("", "", "a", "b", "a")]

    assert said == ["answer 1", "answer 2", "answer 3", "answer 4", "answer 3"]


def test_keys_belong_to_whoever_sends_them():
    desk, runner = Counter(), Counting()
    where = served(runner)
    people = [person("ann", "a"), person("bob", "a"), person("ann", "b")]

    assert len({desk.say(asks(where, who))[0] for who in people}) == 3


def test_another_request_with_the_same_key_is_an_error_with_a_hint():
    desk, runner = Counter(), Counting()
    where = served(runner)
    desk.say(asks(where))
    with pytest.raises(KeyReused) as raised:
        desk.say(asks(where, temperature=0.5))

    assert (raised.value.status, runner.asked) == (422, 1)
    assert "new key" in raised.value.hint


def test_who_comes_while_the_first_is_under_way_waits_for_it():
    async def together():
        desk, runner = Counter(), Counting()
        runner.go.clear()
        where = served(runner)
        calls = [asks(where) for _ in range(5)]
        for number, call in enumerate(calls):
            call.id, call.started_ns = f"c{number}", 2**62
        asking = [asyncio.create_task(desk.ask(call)) for call in calls]
        await until(lambda: desk.waits > 10)
        runner.go.set()
        return runner, {text for text, _ in await asyncio.gather(*asking)}

    runner, texts = asyncio.run(together())

    assert (runner.asked, texts) == (1, {"answer 1"})


def test_nobody_waits_longer_than_the_deadline():
    desk = Counter()
    where = served(Counting())
    call = asks(where)
    call.id = "first"
    desk.say(call)
    key = next(iter(desk.drawer.rows))
    desk.drawer.rows[key] = ("first", desk.drawer.rows[key][1], None)
    with pytest.raises(Conflict, match="still under way"):
        desk.say(asks(where))


UNPAID = [RateLimited("x", upstream_status=429), Refused("x"), NotReady("x")]
PERHAPS_PAID = [TimedOut("slow"), Unavailable("broke"), Truncated("cut")]


@pytest.mark.parametrize("error", UNPAID, ids=repr)
def test_what_was_not_paid_for_is_asked_again(error):
    desk, runner = Counter(), Counting()
    runner.error = error
    where = served(runner)
    with pytest.raises(type(error)):
        desk.say(asks(where))
    runner.error = None

    assert desk.say(asks(where))[0] == "answer 2"


@pytest.mark.parametrize("error", PERHAPS_PAID, ids=repr)
def test_what_may_have_been_paid_for_is_told_again(error):
    desk, runner = Counter(), Counting()
    runner.error = error
    where = served(runner)
    with pytest.raises(type(error)):
        desk.say(asks(where))
    runner.error = None
    with pytest.raises(ProviderError) as raised:
        desk.say(asks(where))

    assert runner.asked == 1
    assert (raised.value.code, raised.value.status) == (error.code, error.status)
    assert "another Idempotency-Key" in raised.value.hint
    assert not raised.value.retryable


def test_an_answer_without_its_end_is_told_as_that():
    desk, runner = Counter(), Counting(finish=None)
    where = served(runner)
    for _ in range(2):
        with pytest.raises(ProviderError) as raised:
            desk.say(asks(where))

    assert (raised.value.code, runner.asked) == ("provider_truncated", 1)


def test_an_endpoint_that_keeps_nothing_remembers_only_that_it_answered():
    desk, runner = Counter(), Counting()
    where = replace(served(runner), keep_payloads=False)
    desk.say(asks(where))
    with pytest.raises(Conflict, match="keeps no answers"):
        desk.say(asks(where))

    assert runner.asked == 1
    assert not any(b"answer 1" in row[2] for row in desk.drawer.rows.values())


def test_an_answer_that_is_too_large_is_not_remembered_but_known():
    desk = Counter()
    runner = Counting(chunks=[Chunk(text="x" * replay.MAX_BYTES)])
    where = served(runner)
    desk.say(asks(where))
    with pytest.raises(Conflict, match="too large"):
        desk.say(asks(where))

    assert runner.asked == 1


def test_who_is_cancelled_lets_go_of_the_key():
    async def leave():
        desk, runner = Counter(), Counting()
        runner.go.clear()
        where = served(runner)
        call = asks(where)
        task = asyncio.create_task(desk.ask(call))
        await until(lambda: runner.asked)
        owned = call.followers
        task.cancel()
        await asyncio.wait([task])
        runner.go.set()
        return owned, await desk.ask(asks(where))

    owned, (text, _) = asyncio.run(leave())

    assert (owned, text) == (1, "answer 2")


class Slow(Drawer):
    """Takes its time to claim a key, in a thread."""

    def __init__(self):
        super().__init__()
        self.claiming, self.go = threading.Event(), threading.Event()

    def claim(self, wanted):
        self.claiming.set()
        assert self.go.wait(20)
        return super().claim(wanted)


@pytest.mark.parametrize(("owner", "asked"), [(None, 1), ("another", 0)])
def test_who_leaves_while_the_key_is_claimed_does_not_leave_it_stuck(owner, asked):
    async def leave():
        desk, runner = Counter(), Counting()
        desk.path = Path([], Idempotent(ask_once, slow := Slow(), desk.wait))
        call = asks(served(runner))
        call.idempotency_key, call.started_ns = "k", 2**62
        if owner:
            wanted = idempotent._wanted(call)
            slow.rows[wanted.key] = (owner, wanted.asked, None)
        task = asyncio.ensure_future(anext(desk.path.travel(call)))
        await asyncio.to_thread(slow.claiming.wait, 20)
        kept, call.left = reads_on(call), True
        slow.go.set()
        await asyncio.wait([task])
        return kept, runner.asked, call.followers, task.exception()

    kept, times, followers, error = asyncio.run(leave())

    assert (kept, times) == (True, asked)
    assert (followers, type(error)) == ((1, type(None)) if asked else (0, Conflict))


def test_without_its_database_a_key_is_refused_before_anything_is_asked():
    desk, runner = Counter(), Counting()
    desk.drawer.away = True
    with pytest.raises(NotReady, match="Idempotency-Key"):
        desk.say(asks(served(runner)))

    assert runner.asked == 0


def test_an_answer_is_given_though_it_cannot_be_remembered():
    async def ask(call, outcome):
        desk.drawer.away = True
        yield Chunk(text="hi", finish="stop")

    desk = Counter(ask)

    assert desk.say(asks(served(Counting())))[0] == "hi"


@pytest.mark.parametrize("key", ["x" * 256, "caf\xe9", "a\x7fb"])
def test_what_is_no_key_is_said_to_be_none(key):
    with pytest.raises(Invalid, match="plain characters"):
        Counter().say(asks(served(Counting())), key)


def test_what_is_unbilled():
    never_reached = Unavailable("x")
    never_reached.reached = False

    assert is_unbilled(never_reached)
    assert is_unbilled(Denied("x"))
    assert not is_unbilled(Unavailable("x"))


TEXT = st.text(max_size=8)
PIECES = st.builds(
    Chunk,
    text=TEXT,
    thinking=TEXT,
    tools=st.lists(st.builds(ToolPiece, index=st.integers(0, 3), id=TEXT)).map(tuple),
    tensors=st.sampled_from([(), (from_values("x", "INT64", [2], [1, 2]),)]),
    vectors=st.sampled_from([(), ([0.5, 1e300],)]),
    ranking=st.sampled_from([(), ((1, 0.25),)]),
    annotations=st.sampled_from([(), ({"url": "doc:1"},)]),
    usage=st.none() | st.builds(Usage, input_tokens=st.integers(0, 9)),
    finish=st.none() | st.sampled_from(["stop", "length"]),
    raw=st.none() | st.binary(max_size=8),
    dialect=TEXT,
)


@given(st.lists(PIECES, max_size=5))
def test_a_remembered_answer_is_the_answer(chunks):
    assert replay.read(replay.of_answer(chunks, kept=True)) == chunks


@given(st.sampled_from([*UNPAID, *PERHAPS_PAID]))
def test_a_remembered_error_has_its_code_and_status(error):
    with pytest.raises(RoadbedError) as raised:
        replay.read(replay.of_error(error))

    assert (raised.value.code, raised.value.status) == (error.code, error.status)
