"""The shortest attempt that pays: one upstream, asked once, out of a purse."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from roadbed.core.errors import (
    Invalid,
    NotReady,
    RateLimited,
    Refused,
    RoadbedError,
    Unavailable,
)
from roadbed.inference.call import Call, Chunk, Outcome
from roadbed.inference.purse import Purse

_UNREAD = (Invalid, NotReady, RateLimited, Refused, Unavailable)
"""How an upstream fails that never read the question, and sends no invoice for it."""


class PaidOnce:
    """Asks the endpoint's first upstream, once, and pays for it."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    async def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer's pieces; note in *outcome* what they cost."""
        if call.deployment is None:
            raise RoadbedError("no step resolved the endpoint")
        choice = call.deployment.choices[0]
        upstream = choice.upstreams[0]
        hold = await self._purse.hold(call, choice, upstream)
        said, sent, usage = 0, True, None
        try:
            async with aclosing(upstream.runner.send(call)) as chunks:
                async for chunk in chunks:
                    said += said_in(chunk)
                    usage = chunk.usage or usage
                    yield chunk
        except _UNREAD:
            sent = bool(said or usage)
            raise
        finally:
            bill = hold.settle(usage, said, sent=sent)
            outcome.cost_nano += bill.cost_nano
            outcome.price = bill.price or outcome.price
            outcome.usage = bill.usage or outcome.usage


def said_in(chunk: Chunk) -> int:
    """Return how many characters of an answer *chunk* brings."""
    spoken = len(chunk.text) + len(chunk.thinking) + len(chunk.refusal)
    return spoken + sum(len(p.name) + len(p.arguments) for p in chunk.tools)
