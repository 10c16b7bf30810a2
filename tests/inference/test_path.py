"""The governed path."""

import asyncio

import pytest

from roadbed.core.errors import Denied, Truncated, Unavailable
from roadbed.inference.call import Chunk
from roadbed.inference.path import Path
from tests.inference.calls import a_call, deployment


class Note:
    """A step that writes down what it saw."""

    def __init__(self, seen, name, refuse=None):
        self.seen, self.name, self.refuse = seen, name, refuse

    def admit(self, call):
        self.seen.append(f"admit {self.name}")
        if self.refuse:
            raise self.refuse

    def finish(self, call, outcome):
        self.seen.append(f"finish {self.name} {outcome.status}")


async def read(path, call):
    return [chunk async for chunk in path.travel(call)]


def travel(steps, *chunks, error=None):
    call = a_call(deployment(*chunks, error=error))
    return asyncio.run(read(Path(steps), call))


def test_steps_are_left_in_the_opposite_order():
    seen = []
    travel([Note(seen, "a"), Note(seen, "b")], Chunk(text="hi", finish="stop"))

    assert seen == ["admit a", "admit b", "finish b ok", "finish a ok"]


def test_a_refusal_still_finishes_every_step():
    seen = []
    with pytest.raises(Denied):
        travel([Note(seen, "a", Denied("no")), Note(seen, "b")])

    assert seen == ["admit a", "finish b denied", "finish a denied"]


def test_an_answer_without_its_end_is_truncated():
    seen = []
    with pytest.raises(Truncated):
        travel([Note(seen, "a")], Chunk(text="half"))

    assert seen[-1] == "finish a truncated"


def test_a_provider_error_is_the_outcome():
    seen = []
    with pytest.raises(Unavailable):
        travel([Note(seen, "a")], Chunk(text="half"), error=Unavailable("down"))

    assert seen[-1] == "finish a error"


def test_the_caller_hears_the_end_only_after_the_waits():
    seen = []

    class Wait:
        def admit(self, call):
            async def durable():
                await asyncio.sleep(0.01)
                seen.append("durable")

            call.waits.append(durable())

        def finish(self, call, outcome):
            seen.append("finished")

    travel([Wait()], Chunk(text="hi", finish="stop"))

    assert seen == ["finished", "durable"]


def test_a_caller_who_leaves_ends_the_call_as_cancelled():
    seen = []

    async def leave():
        call = a_call(deployment(Chunk(text="a"), Chunk(text="b", finish="stop")))
        pieces = Path([Note(seen, "a")]).travel(call)
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(leave())

    assert seen[-1] == "finish a cancelled"


def test_the_attempt_is_closed_when_the_caller_leaves():
    closed = []

    class Open:
        async def send(self, call):
            try:
                yield Chunk(text="a")
                yield Chunk(text="b", finish="stop")
            finally:
                closed.append(call.id)

    async def leave():
        call = a_call(deployment(runner=Open()))
        pieces = Path([]).travel(call)
        await anext(pieces)
        await pieces.aclose()
        return list(closed)

    assert asyncio.run(leave()) == ["test-0"]
