"""OTLP/HTTP: where exporters of OpenTelemetry send grades that were made elsewhere.

It speaks the protocol's own dialect: JSON or protobuf, as the request does; partial
success with a count and a reason; and a `google.rpc.Status` for what goes wrong.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from roadbed.access.actions import ANY
from roadbed.access.visible import whole
from roadbed.control.evaluated import Listener, Taken
from roadbed.control.feedback import ACTION, Ear
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, RoadbedError, TooLarge
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.otel import received
from roadbed.gateway.reuse.keys import Keys
from roadbed.inference.snapshot import Snapshot
from roadbed.server import errors
from roadbed.server.asgi import LOGS, Application
from roadbed.server.errors import WrongMethod
from roadbed.server.exchange import Message, Receive, Send
from roadbed.server.guard import Wanted
from roadbed.server.rest import Rest, whole_body, with_headers

JSON, PROTO = "application/json", "application/x-protobuf"
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 14,
          503: 14}  # fmt: skip
_INTERNAL = 13
_log = logging.getLogger("roadbed.server")


class WrongType(RoadbedError):
    """The body is of a type, or in an encoding, that is not read here."""

    code = "unsupported_media_type"
    status = 415


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """One signal that is taken: where, and which action it needs."""

    method: str
    path: str
    action: str
    summary: str


ROUTES = (
    Telemetry(
        method="POST",
        path=LOGS,
        action=ACTION,
        summary="Take grades that were made elsewhere (gen_ai.evaluation.result)",
    ),
)


def make_telemetry(rest: Rest, others: Application) -> Application:
    """Return the application that takes OTLP, and else is *others*."""
    taker = _Taker(rest)

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == LOGS:
            await taker(scope, receive, with_headers(send))
        else:
            await others(scope, receive, send)

    return application


class _Taker:
    """Takes one request; no error gets past it but in the protocol's shape."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        proto = _type(request) == PROTO
        try:
            response = await self._answer(request, proto)
        except ClientDisconnect:
            return
        except RoadbedError as error:
            response = _refused(error, proto)
        except HTTPException as error:
            response = _refused(Invalid(error.detail), proto)
        # The last line of defence: nothing leaves the server but that it failed.
        except Exception:  # noqa: BLE001
            _log.exception("%s %s failed", request.method, LOGS)
            response = _refused(errors.internal(""), proto)
        await response(scope, receive, send)

    async def _answer(self, request: Request, proto: bool) -> Response:
        rest = self._rest
        if request.method != "POST":
            rest.known(request)
            raise WrongMethod("logs are sent with POST", allowed=("POST",))
        with rest.switch.borrow() as snapshot:
            principal = await self._entered(snapshot, request)
            unpack = _unpacking(request, rest.limits.body_bytes)
            body = await whole_body(request, rest.limits)

            def work() -> Taken:
                listener = Listener(self._ear(snapshot, principal))
                return listener.take(received(unpack(body), proto=proto))

            loop = asyncio.get_running_loop()
            return _taken(await loop.run_in_executor(rest.threads, work), proto)

    async def _entered(self, snapshot: Snapshot, request: Request) -> Principal:
        """Return who sends it, if they may say something of any call at all."""
        guard = self._rest.guard
        asked = Target(kind="Call", name=ANY)
        where = f"POST {LOGS}"
        wanted = Wanted(action=ACTION, target=asked, where=where, asked=asked)
        principal = await guard.enter(snapshot, self._rest.shown(request), wanted)
        if not guard.viewer(snapshot, principal).might(ACTION):
            everything = replace(wanted, target=whole(principal, "Call"))
            await guard.permit(snapshot, principal, everything)
        return principal

    def _ear(self, snapshot: Snapshot, principal: Principal) -> Ear:
        services = self._rest.services
        return Ear(
            viewer=self._rest.guard.viewer(snapshot, principal),
            calls=services.calls,
            feedbacks=Feedbacks(services.database, services.now_us),
            keys=Keys(services.database, services.now_us),
        )


def _type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _unpacking(request: Request, most: int) -> Callable[[bytes], bytes]:
    """Return what makes the plain body of the one that comes; raise WrongType."""
    if _type(request) not in (JSON, PROTO):
        raise WrongType(
            f"the body is of no type that is read here: {_type(request)[:60]!r}",
            hint=f"{PROTO} or {JSON}",
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return lambda body: body
    if encoding != "gzip":
        raise WrongType(f"the encoding {encoding[:40]!r} is not read", hint="gzip")
    return lambda body: _unzipped(body, most)


def _unzipped(body: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        data = inflater.decompress(body, most + 1)
    except zlib.error:
        raise Invalid("the body is no gzip") from None
    if len(data) > most:
        raise TooLarge(f"the body is larger than {most} bytes")
    if not inflater.eof or inflater.unused_data:
        raise Invalid("the body is no whole gzip")
    return data


def _taken(taken: Taken, proto: bool) -> Response:
    """Return the answer: empty for full success, as the protocol wants it."""
    if proto:
        partial = _pair(taken.rejected, taken.why)
        body = _field(1, partial) if taken.rejected else b""
        return Response(body, media_type=PROTO)
    # A count of 64 bits is a text in the JSON of protobuf.
    told = {"rejectedLogRecords": str(taken.rejected), "errorMessage": taken.why}
    document = {"partialSuccess": told} if taken.rejected else {}
    return Response(msgspec.json.encode(document), media_type=JSON)


def _refused(error: RoadbedError, proto: bool) -> Response:
    """Return *error* as a `google.rpc.Status`, in the encoding of the request."""
    code = _CODES.get(error.status, _INTERNAL)
    told = f"{error.message} ({error.hint})" if error.hint else error.message
    status = msgspec.json.encode({"code": code, "message": told})
    body, kind = (_pair(code, told), PROTO) if proto else (status, JSON)
    response = Response(body, error.status, media_type=kind)
    more = [h for h in errors.problem(error).headers if h[0] != b"content-type"]
    response.raw_headers = [*response.raw_headers, *more]
    return response


def _pair(number: int, text: str) -> bytes:
    """Return a message of protobuf with a number as field 1 and a text as field 2.

    Both a Status and a partial success are that, so no library is needed to answer.
    """
    return b"\x08" + _varint(number) + _field(2, text.encode())


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
