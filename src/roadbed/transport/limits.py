"""How long to wait for an upstream, and what its silence is called."""

import asyncio
import math
import time
from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

from roadbed.core.errors import ProviderError, TimedOut, Unavailable
from roadbed.inference.call import Call
from roadbed.transport.config import HttpConfig
from roadbed.transport.connector import PrivateAddress

T = TypeVar("T")


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


def _unreachable(error: OSError) -> Unavailable:
    if isinstance(error, PrivateAddress):
        return _unreached(
            "the provider's address is inside a private network",
            "if it belongs there, write `private: true` in its config",
        )
    return _unreached("the provider cannot be reached")


def _unreached(message: str, hint: str = "") -> Unavailable:
    failure = Unavailable(message, hint=hint)
    failure.reached = False
    return failure


def _in(wait_ms: int, words: str) -> Limit:
    return Limit(time.monotonic() + wait_ms / 1e3, f"{words} {wait_ms} ms")


async def within(work: Awaitable[T], limit: Limit, broken: type[ProviderError]) -> T:
    """Return what *work* returns; raise a ProviderError for all that can go wrong.

    Raises TimedOut at *limit*, and *broken* when the connection breaks. The foreign
    error is not kept as a cause: it holds the request's headers, and our key in them.
    """
    import aiohttp

    wait_s = limit.at_s - time.monotonic()
    try:
        async with asyncio.timeout(wait_s if math.isfinite(wait_s) else None):
            return await work
    except aiohttp.ConnectionTimeoutError:
        failure = _unreached("the provider cannot be reached: no connection in time")
    except aiohttp.ClientConnectorError as error:
        failure = _unreachable(error.os_error)
    except TimeoutError:
        failure = TimedOut(limit.reached)
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        failure = broken("the connection to the provider broke")
    except aiohttp.ClientError:
        failure = ProviderError("the provider does not speak proper HTTP")
    raise failure
