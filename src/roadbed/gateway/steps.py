"""What the gateway adds to the governed path: find the endpoint, record the call."""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import NotFound, NotReady, RoadbedError
from roadbed.gateway.capture import payload_of, record_of, text_of
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.path import idle
from roadbed.inference.record import CallRecord, Payload

_ODD = (
    RoadbedError,
    msgspec.MsgspecError,
    struct.error,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
"""What a call may be like that no record can be made of it as it is."""


class Records(Protocol):
    """Takes finished calls; a `gateway.recorder.Recorder` does."""

    def put(
        self, record: CallRecord, payload: Payload | None, *, durable: bool = True
    ) -> "asyncio.Future[None] | None":
        """Queue a call; with *durable* return what is done when it is on the disk."""
        ...


class Resolve:
    """Turns the name of an endpoint into what it serves now, to its own tenant."""

    def admit(self, call: Call) -> None:
        """Set the call's deployment; raise NotFound, or NotReady if it is broken."""
        tenant = call.principal.tenant if call.principal else DEFAULT_TENANT
        if call.snapshot.tenant_of(call.endpoint) != tenant:
            raise _missing(call.endpoint, None)
        deployment = call.served
        if deployment is None:
            raise _missing(call.endpoint, call.snapshot.broken.get(call.endpoint))
        number = deployment.version.number
        if call.number is not None and call.number != number:
            name = text_of(call.endpoint, 100)
            raise NotFound(
                f"endpoint {name!r} serves version {number}, not {call.number}",
                hint="leave the version out, or pin another one in the stack",
            )
        call.deployment = deployment

    @idle
    def finish(self, call: Call, outcome: Outcome) -> None:
        """Do nothing on the way out."""


Watch = Callable[[Call, CallRecord], None]
"""Looks at a call that has just been recorded. At once, without I/O; raises nothing."""


class Record:
    """Puts every call on record, however it ended.

    An endpoint with `ack: durable` makes the caller wait for the disk. A call
    that reached no endpoint is recorded, and its caller does not wait. Each of
    `watches` is shown what was recorded.
    """

    def __init__(
        self,
        records: Records,
        region: str,
        now_ns: Callable[[], int] = time.monotonic_ns,
        watches: Sequence[Watch] = (),
    ) -> None:
        self._records = records
        self._region = region
        self._now_ns = now_ns
        self._watches = tuple(watches)

    @idle
    def admit(self, call: Call) -> None:
        """Do nothing on the way in."""

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Queue the record; what is wrong with that reaches the caller as a wait."""
        terms = call.deployment
        try:
            payload = (
                payload_of(call, outcome) if terms and terms.keep_payloads else None
            )
            wait = self._put(call, outcome, payload)
        except _ODD as error:
            wait = self._put_plain(call, outcome, error)
        if wait is not None:
            call.waits.append(wait)

    def _put(
        self, call: Call, outcome: Outcome, payload: Payload | None
    ) -> Awaitable[None] | None:
        record = record_of(
            call, outcome, payload, region=self._region, now_ns=self._now_ns()
        )
        wait = self._records.put(record, payload, durable=_waits(call))
        for watch in self._watches:
            watch(call, record)
        return wait

    def _put_plain(
        self, call: Call, outcome: Outcome, error: Exception
    ) -> Awaitable[None] | None:
        """Record that there was a call, without what made its record impossible."""
        record = CallRecord(
            call_id=call.id,
            ts=call.received_us,
            region=self._region,
            tenant=text_of(call.principal.tenant) if call.principal else "",
            endpoint=call.asked_for,
            kind="predict" if isinstance(call.request, TensorRequest) else "llm",
            dialect=text_of(call.dialect),
            status=outcome.status,
            error="unrecordable",
            model=str(call.deployment.version) if call.deployment else "",
            principal=text_of(call.principal.chain) if call.principal else "",
            cat={"unrecordable": text_of(f"{type(error).__name__}: {error}")},
        )
        return self._records.put(record, None, durable=_waits(call))


def _waits(call: Call) -> bool:
    return call.deployment is not None and call.deployment.ack == "durable"


def _missing(endpoint: str, reason: str | None) -> RoadbedError:
    name = text_of(endpoint, 100)
    if reason is not None:
        # The reason may name files and addresses: it is for those who run this.
        return NotReady(
            f"endpoint {name!r} cannot be served now",
            hint="who runs it sees the reason with `roadbed doctor`",
        )
    return NotFound(
        f"no endpoint is called {name!r}",
        hint="GET /v1/models lists the endpoints that are served",
    )
