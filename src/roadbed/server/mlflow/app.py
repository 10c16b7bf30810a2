"""The application that answers MLflow's clients, beside the rest of the server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Place
from starlette.routing import Router

from roadbed.access.actions import ACTIONS, ANY, PUBLIC
from roadbed.access.visible import nothing, own, whole
from roadbed.control.masks import mask
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Denied, Invalid, NotFound, RoadbedError, TooLarge
from roadbed.inference.snapshot import Snapshot
from roadbed.ports.blobs import Blobs
from roadbed.server.asgi import Application
from roadbed.server.errors import TooSlow, internal
from roadbed.server.exchange import Message, Receive, Send
from roadbed.server.guard import Wanted
from roadbed.server.mlflow.errors import NoSuchRoute, encode, told
from roadbed.server.mlflow.fields import Fields, read_json, read_query
from roadbed.server.mlflow.route import Asked, Download, Plain, Tracking
from roadbed.server.mlflow.table import ROUTES
from roadbed.server.rest import Rest, whole_body, with_headers

THREADS = 8
_PLACES = ("/api/2.0/", "/api/3.0/", "/ajax-api/")
_NAMES = frozenset({"/version", "/health", "/server-info", "/graphql"})
_MAX_FIELDS = 2_000
T = TypeVar("T")
_log = logging.getLogger("roadbed.server")


def is_tracking(path: str) -> bool:
    """Say whether *path* belongs to MLflow's protocol."""
    return path.startswith(_PLACES) or path in _NAMES


@dataclass(kw_only=True)
class Tracker:
    """Asks who it is and whether they may, then lets a thread do the work."""

    rest: Rest
    blobs: Blobs
    carriers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "roadbed-artifacts")
    )

    async def answer(self, route: Tracking, request: Request) -> Response:
        """Answer *request* as *route* says."""
        if route.action == PUBLIC:
            return _written(Plain("OK"))
        rest = self.rest
        with rest.switch.borrow() as snapshot:
            wanted = _wanted(route, request)
            principal = await rest.guard.enter(snapshot, rest.shown(request), wanted)
            await self._open(snapshot, principal, route, wanted)
            ask = await self._asked(route, request, snapshot, principal)
            await self._find(route, ask, wanted)
            try:
                return _written(await self._in_thread(route, route.handler, ask))
            except Denied as error:
                await rest.guard.refuse(principal, wanted, error)
                raise

    async def _open(
        self, snapshot: Snapshot, principal: Principal, route: Tracking, wanted: Wanted
    ) -> None:
        """Go on if the caller may do the route's action to anything at all."""
        guard = self.rest.guard
        single = bool(route.locate or route.lists)
        if not (single and guard.viewer(snapshot, principal).might(route.action)):
            everything = whole(principal, wanted.target.kind)
            await guard.permit(snapshot, principal, replace(wanted, target=everything))

    async def _find(self, route: Tracking, ask: Asked, wanted: Wanted) -> None:
        """Go on if there is what the request names, and the caller may reach it."""
        if route.locate is None:
            return
        sought = await self._in_thread(route, route.locate, ask)
        kind, name = wanted.target.kind, sought.name[:200]
        found = own(ask.principal, sought.target)
        target = found or nothing(ask.principal, kind, name)
        asked = Target(kind=kind, name=name)
        judged = replace(wanted, target=target, asked=asked)
        await self.rest.guard.permit(ask.snapshot, ask.principal, judged)
        if found is None:
            raise NotFound(sought.missing)

    async def _asked(
        self,
        route: Tracking,
        request: Request,
        snapshot: Snapshot,
        principal: Principal,
    ) -> Asked:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Invalid("compressed request bodies are not accepted")
        body = b""
        if not route.uploads and request.method != "GET":
            body = await whole_body(request, self.rest.limits)
        query = parse_qsl(
            request.url.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
        return Asked(
            services=self.rest.services,
            blobs=self.blobs,
            principal=principal,
            snapshot=snapshot,
            fields=Fields({**read_query(query), **read_json(body)}),
            params=request.path_params,
            client=request.headers.get("user-agent", ""),
            size=len(body),
            pieces=self._pieces(request) if route.uploads else _no_pieces,
        )

    def _pieces(self, request: Request) -> Callable[[], Iterator[bytes]]:
        """Return what gives a thread the body, as it comes over the network."""
        loop, limits = asyncio.get_running_loop(), self.rest.limits
        stream = _bounded(request, limits.artifact_bytes, limits.body_seconds)

        def pieces() -> Iterator[bytes]:
            while True:
                coming = asyncio.run_coroutine_threadsafe(anext(stream, None), loop)
                piece = coming.result()
                if piece is None:
                    return
                yield piece

        return pieces

    async def _in_thread(
        self, route: Tracking, work: Callable[[Asked], T], ask: Asked
    ) -> T:
        loop = asyncio.get_running_loop()
        carries = route.uploads and work is route.handler
        pool = self.carriers if carries else self.rest.threads
        return await loop.run_in_executor(pool, work, ask)


def make_mlflow(rest: Rest, others: Application, blobs: Blobs) -> Application:
    """Return the application that speaks MLflow's protocol, and else is *others*."""
    tracker = Tracker(rest=rest, blobs=blobs)
    ways: dict[str, dict[str, Tracking]] = {}
    for route in ROUTES:
        ways.setdefault(route.path, {})[route.method] = route
    places = [
        # Only the path of a file has several parts.
        Place(path.replace("{path}", "{path:path}"), _Door(tracker, by))
        for path, by in ways.items()
    ]
    router = Router(places, redirect_slashes=False, default=_Door(tracker, {}))

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_tracking(scope["path"]):
            await router(scope, receive, with_headers(send))
        else:
            await others(scope, receive, send)

    return application


class _Door:
    """Answers one path by method; no error gets past it but in the client's shape."""

    def __init__(self, tracker: Tracker, ways: dict[str, Tracking]) -> None:
        self._tracker = tracker
        self._ways = ways

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        try:
            response = await self._choose(request)
        except ClientDisconnect:
            return
        except RoadbedError as error:
            response = _refused(error)
        except HTTPException as error:
            response = _refused(Invalid(error.detail))
        # The last line of defence: nothing leaves the server but that it failed.
        except Exception:  # noqa: BLE001
            _log.exception("%s %s failed", request.method, mask(request.url.path))
            response = _refused(internal(""))
        await response(scope, receive, send)

    async def _choose(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        route = self._ways.get(method)
        if route is not None:
            return await self._tracker.answer(route, request)
        self._tracker.rest.known(request)
        raise NoSuchRoute(
            f"No endpoint found for {method[:20]} {request.url.path[:200]}",
            hint="this server speaks a part of MLflow's protocol",
        )


def _wanted(route: Tracking, request: Request) -> Wanted:
    asked = Target(kind=ACTIONS[route.action].kind, name=ANY)
    where = f"{request.method} {request.url.path}"
    return Wanted(action=route.action, target=asked, where=where, asked=asked)


async def _bounded(request: Request, most: int, seconds: float) -> AsyncIterator[bytes]:
    """Yield the body; raise TooLarge beyond *most* bytes, TooSlow if it stops."""
    size, stream = 0, aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(seconds):
                piece = await anext(stream, None)
        except TimeoutError:
            raise TooSlow("the file did not arrive in time") from None
        if piece is None:
            return
        size += len(piece)
        if size > most:
            raise TooLarge(f"the file is larger than {most} bytes")
        if piece:
            yield piece


def _no_pieces() -> Iterator[bytes]:
    return iter(())


def _written(result: Any) -> Response:
    if isinstance(result, Download):
        name = quote(result.name, safe="")
        return StreamingResponse(
            result.pieces,
            media_type="application/octet-stream",
            headers={
                "content-length": str(result.size),
                "content-disposition": f"attachment; filename*=UTF-8''{name}",
            },
        )
    if isinstance(result, Plain):
        return Response(result.text, media_type="text/plain")
    return Response(encode(result), media_type="application/json")


def _refused(error: RoadbedError) -> Response:
    reply = told(error)
    response = Response(reply.body, reply.status)
    response.raw_headers = [*response.raw_headers, *reply.headers]
    return response
