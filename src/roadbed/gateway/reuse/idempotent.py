"""Same caller, same key, same request: one upstream call, and the same answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.errors import Conflict, Invalid, NotReady, RoadbedError, Truncated
from roadbed.gateway.reuse import replay
from roadbed.gateway.reuse.keys import Claim, Wanted, digest
from roadbed.gateway.reuse.need import is_unbilled
from roadbed.inference.call import Call, Chunk, Outcome
from roadbed.inference.path import Attempt

HEADER = "idempotent-replayed"
LONGEST_KEY = 255
MARGIN_US = 10_000_000
"""How much longer than its deadline a call may hold its key, in microseconds."""
_LOOK_AFTER_S, _LOOK_EVERY_S = 0.05, 1.0
_AWAY = (SQLAlchemyError, OSError)
_log = logging.getLogger(__name__)


class KeyReused(Invalid):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    status = 422


class Remembers(Protocol):
    """Keeps keys; `gateway.reuse.keys.Keys` does, and its methods block."""

    def claim(self, wanted: Wanted) -> Claim:
        """Claim a key."""
        ...

    def answer(self, key: str, owner: str, answer: bytes) -> None:
        """Keep what was answered."""
        ...

    def release(self, key: str, owner: str) -> None:
        """Let go of a key."""
        ...


class Idempotent:
    """Asks *inner* once for each key of a caller, and remembers how that ended.

    A request that comes again waits for the first one, wherever that runs, and is told
    the same. What was certainly not paid for is not remembered: then asking once more
    asks once more. Without a key, nothing happens here.
    """

    def __init__(
        self,
        inner: Attempt,
        keys: Remembers,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._keys = keys
        self._sleep = sleep

    def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer, a new one or the one of before."""
        if not call.idempotency_key:
            return self._inner(call, outcome)
        return self._once(call, outcome)

    async def _once(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        wanted = _wanted(call)
        claim = await self._claim(call, wanted)
        if claim.state == "done":
            call.told[HEADER] = "true"
            outcome.cache = "replay"
            for chunk in replay.read(claim.answer):
                yield chunk
            return
        call.followers += 1  # whoever sends a key may come back for the answer
        async with aclosing(self._answer(call, outcome, wanted)) as answer:
            async for chunk in answer:
                yield chunk
        call.followers -= 1

    async def _claim(self, call: Call, wanted: Wanted) -> Claim:
        """Return a claim that is decided; wait while another call is answering."""
        assert call.deployment is not None
        until_s = call.started_ns / 1e9 + call.deployment.deadline_ms / 1e3
        wait_s = _LOOK_AFTER_S
        while (claim := await self._try(call, wanted)).state == "busy":
            if call.left or time.monotonic() + wait_s >= until_s:
                raise Conflict(
                    "the first request with this Idempotency-Key is still under way",
                    hint="ask again later with the same key",
                )
            await self._sleep(wait_s)
            wait_s = min(wait_s * 1.5, _LOOK_EVERY_S)
        if claim.state == "other":
            raise KeyReused(
                "this Idempotency-Key came before, with another request",
                hint="make a new key for each request, and keep it for its retries",
            )
        return claim

    async def _try(self, call: Call, wanted: Wanted) -> Claim:
        """Claim once; a caller who leaves meanwhile gets the answer for a later one."""
        call.followers += 1
        try:
            return await asyncio.to_thread(self._keys.claim, wanted)
        except _AWAY as error:
            _log.warning("idempotency keys are away", exc_info=error)
            raise NotReady(
                "Idempotency-Key cannot be kept now",
                hint="try again shortly, or leave the header out",
            ) from None
        finally:
            call.followers -= 1

    async def _answer(
        self, call: Call, outcome: Outcome, wanted: Wanted
    ) -> AsyncGenerator[Chunk]:
        chunks: list[Chunk] = []
        try:
            async with aclosing(self._inner(call, outcome)) as answer:
                async for chunk in answer:
                    chunks.append(chunk)
                    yield chunk
            ending = _ending(call, chunks)
        except RoadbedError as error:
            ending = None
            if chunks or not is_unbilled(error):
                ending = replay.of_error(error)
            await self._end(wanted, ending)
            raise
        except BaseException:
            await self._end(wanted, None)
            raise
        await self._end(wanted, ending)

    async def _end(self, wanted: Wanted, ending: bytes | None) -> None:
        """Remember how it ended, or that it did not; the lease ends it otherwise."""
        key, owner = wanted.key, wanted.owner
        try:
            if ending is None:
                await asyncio.to_thread(self._keys.release, key, owner)
            else:
                await asyncio.to_thread(self._keys.answer, key, owner, ending)
        except _AWAY as error:
            _log.warning("an idempotency key could not be kept", exc_info=error)


def _ending(call: Call, chunks: Sequence[Chunk]) -> bytes:
    assert call.deployment is not None
    if not any(chunk.finish for chunk in chunks):
        message = "the provider stopped before it had finished"
        return replay.of_error(Truncated(message))
    return replay.of_answer(chunks, kept=call.deployment.keep_payloads)


def _wanted(call: Call) -> Wanted:
    """Return what is claimed for *call*; raise Invalid for what is no key."""
    key, principal, deployment = call.idempotency_key, call.principal, call.deployment
    assert principal is not None
    assert deployment is not None
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"Idempotency-Key is not 1 to {LONGEST_KEY} plain characters",
            hint="a random UUID is a good key",
        )
    asked = (call.dialect, call.endpoint, str(call.number))
    return Wanted(
        key=digest(principal.tenant, principal.chain, key),
        asked=digest(*asked, body=call.body),
        owner=call.id,
        lease_us=deployment.deadline_ms * 1000 + MARGIN_US,
    )
