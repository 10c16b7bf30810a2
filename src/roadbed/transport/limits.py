"""How long to wait for an upstream, and what its silence is called."""

import asyncio
import math
import time
from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

from roadbed.core.errors import TimedOut, Unavailable
from roadbed.inference.call import Call
from roadbed.transport.config import HttpConfig
from roadbed.transport.connector import PrivateAddress

T = TypeVar("T")
LATE = "the provider cannot be reached: no connection in time"


class Limit(NamedTuple):
    """A moment on the monotonic clock, in seconds, and what it means to reach it."""

    at_s: float
    reached: str


class Limits:
    """The waits that one attempt may cost: none ends later than the call's deadline.

    An endpoint's own deadlines count where they are shorter than the provider's.
    `connect_s` is the longest wait for a connection.
    """

    def __init__(self, call: Call, config: HttpConfig) -> None:
        first_ms, idle_ms = config.first_byte_timeout_ms, config.idle_timeout_ms
        connect_ms = config.connect_timeout_ms
        self._deadline = Limit(math.inf, "")
        if call.deployment is not None:
            terms, ms = call.deployment.terms, call.deployment.deadline_ms
            first_ms = min(first_ms, terms.deadlines.first_token_ms or first_ms)
            idle_ms = min(idle_ms, terms.deadlines.idle_ms or idle_ms)
            connect_ms = min(connect_ms, terms.deadlines.connect_ms or connect_ms)
            self._deadline = Limit(
                call.started_ns / 1e9 + ms / 1e3,
                f"the provider did not finish within the deadline of {ms} ms",
            )
        self._idle_ms = idle_ms
        self.connect_s = connect_ms / 1e3
        self._first = _in(first_ms, "the provider did not begin to answer within")

    def connect(self) -> Limit:
        """Return when there must be a connection, counted from now."""
        return min(Limit(time.monotonic() + self.connect_s, LATE), self.first())

    def first(self) -> Limit:
        """Return when the answer must have begun."""
        return min(self._first, self._deadline)

    def idle(self) -> Limit:
        """Return when the next piece must have come, counted from now.

        Raises TimedOut once the deadline has passed: what is there at once is never
        waited for, so that an upstream without end would never meet it.
        """
        if time.monotonic() > self._deadline.at_s:
            raise TimedOut(self._deadline.reached)
        silence = _in(self._idle_ms, "the provider fell silent in its answer for")
        return min(silence, self._deadline)


def unreachable(error: OSError) -> Unavailable:
    """Return what to say of a connection that cannot be made, because of *error*."""
    if isinstance(error, PrivateAddress):
        return unreached(
            "the provider's address is inside a private network",
            "if it belongs there, write `private: true` in its config",
        )
    return unreached("the provider cannot be reached")


def unreached(message: str, hint: str = "") -> Unavailable:
    """Return an error that says that nothing was sent, so nothing is paid for."""
    failure = Unavailable(message, hint=hint)
    failure.reached = False
    return failure


def _in(wait_ms: int, words: str) -> Limit:
    return Limit(time.monotonic() + wait_ms / 1e3, f"{words} {wait_ms} ms")


async def within(work: Awaitable[T], limit: Limit) -> T:
    """Return what *work* returns; raise TimedOut at *limit*.

    It sets a timer of its own: for what is awaited seldom.
    """
    wait_s = limit.at_s - time.monotonic()
    timer = asyncio.timeout(wait_s if math.isfinite(wait_s) else None)
    try:
        async with timer:
            return await work
    except TimeoutError:
        if not timer.expired():
            raise
    raise TimedOut(limit.reached)
