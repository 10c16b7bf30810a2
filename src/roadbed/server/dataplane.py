"""The data plane: the few routes that models are called through.

Bytes in, bytes out, no framework: a request is matched, read, sent along the
governed path, and answered in its own dialect.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import Invalid, NotFound, NotReady, RoadbedError, TooLarge
from roadbed.core.ids import Uuid7
from roadbed.gateway.reuse.leave import reads_on
from roadbed.inference.call import Call, Chunk, TensorRequest
from roadbed.inference.chat import TextRequest
from roadbed.inference.path import Path
from roadbed.inference.trace import received
from roadbed.server import errors
from roadbed.server.errors import TooSlow
from roadbed.server.exchange import Exchange, Gone, Message, Receive, Send
from roadbed.server.guard import Guard
from roadbed.server.labels import ARM, LABELS, RUN, labels_in, side_in, unit_header
from roadbed.server.limits import Limits, Room
from roadbed.server.logs import CALL
from roadbed.server.switch import Switch

NAME_LENGTH = 128
_SAID = (b"idempotency-key", b"x-roadbed-priority", RUN, b"traceparent", ARM)

_log = logging.getLogger("roadbed.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request for a prediction says, once it has been read."""

    endpoint: str
    number: int | None
    request: TextRequest | TensorRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one API writes requests for predictions and the answers to them.

    `read` is given the body and raises what is wrong with it; `unreadable` makes
    what stands for such a request. `named` is the endpoint in the address, if any.
    """

    name: str
    read: Callable[[bytes], Asked]
    unreadable: Callable[[RoadbedError], TextRequest | TensorRequest]
    answer: Callable[[Exchange, Call, AsyncGenerator[Chunk]], Coroutine[Any, Any, None]]
    named: str = ""


def _well() -> bool:
    return True


class DataPlane:
    """What the hot routes share: the way a call travels.

    `healthy` says whether calls can be put on record; whoever owns the recorder
    sets it.
    """

    def __init__(
        self,
        *,
        switch: Switch,
        path: Path,
        guard: Guard,
        region: str,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self.healthy: Callable[[], bool] = _well
        self.switch = switch
        self.guard = guard
        self._path = path
        self._region = region
        self._clock = clock
        self._limits = limits
        self._room = Room(limits.held_bytes)
        self._new_id = Uuid7()

    async def answer(
        self,
        handler: Callable[[Exchange], Awaitable[None]],
        scope: Message,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request; whatever goes wrong is told in its dialect."""
        call_id = f"{self._region}-{self._new_id()}"
        CALL.set(call_id)
        bounds = self._limits, self._room
        exchange = Exchange(
            scope, receive, send, call_id, bounds, self.guard.possession
        )
        try:
            await handler(exchange)
        except Gone:
            return
        except RoadbedError as error:
            await fail(exchange, error)
        except Exception:  # noqa: BLE001
            # The last line of defence: nothing but the call's id leaves the server.
            _log.exception("call %s failed", exchange.call_id)
            await fail(exchange, errors.internal(exchange.call_id))
        finally:
            exchange.close()

    def _limit(self, exchange: Exchange) -> int:
        """Return how long a body may be: strangers are given less."""
        short, announced = self._limits.stranger_bytes, exchange.announced
        if announced is not None and announced <= short:
            return short
        known = self.guard.knows(self.switch.snapshot, exchange.credential)
        return self._limits.body_bytes if known else short

    async def _read(
        self, exchange: Exchange, dialect: Dialect
    ) -> tuple[Asked, bytes, dict[str, str]]:
        """Return what is asked, the body that asks it, and the labels of the call."""
        body, labels = b"", dict[str, str]()
        said, side = exchange.joined(LABELS), exchange.header(ARM)
        try:
            labels, _ = labels_in(said), side_in(side)
            body = await exchange.body(self._limit(exchange))
            asked = dialect.read(body)
        except (Invalid, NotFound, NotReady, TooLarge, TooSlow) as error:
            request = dialect.unreadable(error)
            asked = Asked(endpoint=dialect.named, number=None, request=request)
        return asked, body, labels

    async def predict(self, exchange: Exchange, dialect: Dialect) -> None:
        """Read a call, send it along the governed path, and write what comes.

        What cannot be read travels too: it is refused on the path, on record.
        """
        received_us, started_ns = to_us(self._clock.now()), time.monotonic_ns()
        asked, body, labels = await self._read(exchange, dialect)
        key, priority, run, parent, side = exchange.texts(*_SAID)
        trace = received(parent, exchange.joined(b"tracestate") if parent else "")
        with self.switch.borrow() as snapshot:
            unit = unit_header(snapshot.deployments.get(asked.endpoint))
            call = Call(
                id=exchange.call_id,
                received_us=received_us,
                started_ns=started_ns,
                dialect=dialect.name,
                endpoint=asked.endpoint[:NAME_LENGTH],
                number=asked.number,
                credential=exchange.credential,
                idempotency_key=key,
                priority=priority,
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                parent_id=trace.parent_id,
                trace_state=trace.trace_state,
                sampled=trace.sampled,
                request=asked.request,
                body=body,
                run=run[:NAME_LENGTH],
                labels=labels,
                unit=exchange.header(unit) if unit else "",
                side=side,
                snapshot=snapshot,
            )
            exchange.told = call.told
            chunks = self._path.travel(call)
            await watched(exchange, call, dialect.answer(exchange, call, chunks))


async def watched(
    exchange: Exchange, call: Call, work: Coroutine[Any, Any, None]
) -> None:
    """Do *work*; when the client hangs up, drop it and raise Gone, or read it out.

    What `reads_on` is read to its end by the request's own task, so the server waits
    for it when it stops, and what is written goes nowhere. At last, do what is to be
    done once the answer is out.
    """
    task = asyncio.current_task()
    assert task is not None
    dropped = False

    def gone() -> None:
        nonlocal dropped
        call.left = True
        if not reads_on(call):
            dropped = True
            task.cancel()

    forget = exchange.on_gone(gone)
    try:
        await work
    except asyncio.CancelledError:
        if not dropped or task.uncancel() > 0:
            raise
        raise Gone from None
    finally:
        forget()
        if call.then is not None:
            call.then()


async def fail(exchange: Exchange, error: RoadbedError) -> None:
    """Tell the caller of *error*, as the state of the answer still allows."""
    if exchange.streaming:
        await exchange.end(exchange.failed(error))
    elif not exchange.started:
        await exchange.reply(errors.in_dialect(exchange.spell, error))
