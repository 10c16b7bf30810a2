"""What says nothing waits for what says something."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Unavailable
from roadbed.inference.call import Chunk, ToolPiece
from roadbed.transport.hold import held, says_something

QUIET = [Chunk(), Chunk(raw=b"data: 1\n\n"), Chunk(served="m")]
LOUD = [
    Chunk(text="a"),
    Chunk(thinking="a"),
    Chunk(refusal="no"),
    Chunk(tools=(ToolPiece(index=0),)),
    Chunk(finish="stop"),
]


async def told(chunks, error=None):
    for chunk in chunks:
        yield chunk
    if error:
        raise error


async def gather(chunks, seen):
    async for chunk in held(chunks):
        seen.append(chunk)


@given(st.lists(st.sampled_from(QUIET + LOUD)))
def test_nothing_is_lost_or_moved_once_something_was_said(chunks):
    seen = []
    asyncio.run(gather(told(chunks), seen))

    assert seen == (chunks if any(map(says_something, chunks)) else [])


@given(st.lists(st.sampled_from(QUIET)), st.lists(st.sampled_from(LOUD), max_size=1))
def test_what_fails_before_the_first_word_fails_before_anything_was_shown(quiet, loud):
    seen = []
    with pytest.raises(Unavailable):
        asyncio.run(gather(told(quiet + loud, Unavailable("broke")), seen))

    assert seen == (quiet + loud if loud else [])


def test_whoever_stops_reading_closes_what_was_read():
    closed = []

    async def chunks():
        try:
            yield LOUD[0]
            yield LOUD[0]
        finally:
            closed.append(True)

    async def leave():
        reading = held(chunks())
        await anext(reading)
        await reading.aclose()

    asyncio.run(leave())

    assert closed == [True]
