"""Events that say nothing, held back until something is said."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from roadbed.inference.call import Chunk


async def held(chunks: AsyncGenerator[Chunk]) -> AsyncGenerator[Chunk]:
    """Yield *chunks*, and none of them before the first that has content.

    What fails before that fails before anything was shown, so that another attempt may
    still be made. Nothing is lost, and nothing changes its place.
    """
    waiting: list[Chunk] | None = []
    async with aclosing(chunks):
        async for chunk in chunks:
            if waiting is not None and not says_something(chunk):
                waiting.append(chunk)
                continue
            for earlier in waiting or ():
                yield earlier
            waiting = None
            yield chunk


def says_something(chunk: Chunk) -> bool:
    """Say whether *chunk* has a piece of an answer, or its end."""
    said = chunk.text or chunk.thinking or chunk.refusal or chunk.tools
    return bool(said or chunk.finish)
