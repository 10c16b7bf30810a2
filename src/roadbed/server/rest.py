"""Everything that is not hot: the control API, health, metrics and the console."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as Place
from starlette.routing import Router

from roadbed.access.actions import ACTIONS, ANY
from roadbed.access.visible import nothing, own, whole
from roadbed.control.masks import mask
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import (
    Denied,
    Invalid,
    NotFound,
    Problem,
    RoadbedError,
    TooLarge,
)
from roadbed.inference.snapshot import Snapshot
from roadbed.server import errors
from roadbed.server.asgi import Application
from roadbed.server.errors import Reply, TooSlow, WrongMethod
from roadbed.server.exchange import Message, Receive, Send, path_of
from roadbed.server.guard import Guard, Wanted
from roadbed.server.limits import Limits
from roadbed.server.openapi import adapter_of
from roadbed.server.routes import Ask, OpenAsk, OpenRoute, Raw, Route
from roadbed.server.services import Services
from roadbed.server.switch import Switch

THREADS = 8
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
}
"""On every answer that does not say otherwise itself."""

_FORM = "application/x-www-form-urlencoded"
_FIELDS = 40

Show = Callable[[Request], Awaitable[Response]]
ConsoleRoute = tuple[str, str, str, Show]
"""Method, path, action, handler; the handler asks for session and permission itself."""

T = TypeVar("T")
_log = logging.getLogger("roadbed.server")


@dataclass(kw_only=True)
class Rest:
    """Asks who it is and whether they may, then lets a thread do the work."""

    services: Services
    switch: Switch
    guard: Guard
    limits: Limits
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "roadbed-api")
    )
    open_threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "roadbed-open")
    )

    async def answer(self, route: Route, request: Request) -> Response:
        """Answer *request* as *route* says."""
        with self.switch.borrow() as snapshot:
            wanted = wanted_by(route, request)
            token = self.shown(request)
            principal = await self.guard.enter(snapshot, token, wanted)
            await self._open(snapshot, principal, route, wanted)
            ask = Ask(
                services=self.services,
                principal=principal,
                snapshot=snapshot,
                params=request.path_params,
                query=read_query(route, request),
                body=await self._body(route, request),
            )
            await self._find(route, ask, wanted)
            try:
                return await self._in_thread(_write, route, ask)
            except Denied as error:
                await self.guard.refuse(principal, wanted, error)
                raise

    async def _open(
        self, snapshot: Snapshot, principal: Principal, route: Route, wanted: Wanted
    ) -> None:
        """Go on if the caller may do the route's action to anything at all."""
        viewer = self.guard.viewer(snapshot, principal)
        single = bool(route.locate or route.lists)
        if not (single and viewer.might(route.action)):
            kind = wanted.target.kind
            everything = replace(wanted, target=whole(principal, kind))
            await self.guard.permit(snapshot, principal, everything)

    async def _find(self, route: Route, ask: Ask, wanted: Wanted) -> None:
        """Go on if there is what the request names, and the caller may reach it.

        What is of another tenant is asked for in vain, in the same words and by
        the same steps as what does not exist.
        """
        if route.locate is None:
            return
        found = own(ask.principal, await self._in_thread(route.locate, ask))
        kind, name = wanted.target.kind, wanted.target.name
        target = found or nothing(ask.principal, kind, name)
        await self.guard.permit(
            ask.snapshot, ask.principal, replace(wanted, target=target)
        )
        if found is None:
            raise missing(route, ask.params)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, work, *given)

    def known(self, request: Request) -> Snapshot:
        """Return the snapshot, if the caller is known at all."""
        snapshot = self.switch.snapshot
        self.guard.identify(snapshot, self.shown(request))
        return snapshot

    async def answer_open(self, route: OpenRoute, request: Request) -> Response:
        """Answer *request*, whoever sent it, as *route* says."""
        with self.switch.borrow() as snapshot:
            try:
                ask = OpenAsk(
                    services=self.services,
                    snapshot=snapshot,
                    authorization=request.headers.get("authorization", ""),
                    possession=partial(self._thumbprint, request),
                    form=await read_form(route, request, self.limits),
                )
                loop = asyncio.get_running_loop()
                work = partial(_write_open, route, ask)
                return await loop.run_in_executor(self.open_threads, work)
            except RoadbedError as error:
                return _response(route.problem(error))

    def _thumbprint(self, request: Request) -> str:
        """Return the key that *request* proves to hold; empty if it proves nothing."""
        proof = request.headers.get("dpop", "")
        if not proof:
            return ""
        path = path_of(request.scope)
        return self.guard.possession.thumbprint(proof, request.method, path)

    def shown(self, request: Request) -> str:
        """Return the token that came with *request*, or an empty text."""
        return self.guard.possession.shown(
            request.headers.get("authorization", ""),
            request.headers.get("dpop", ""),
            request.method,
            path_of(request.scope),
        )

    async def _body(self, route: Route, request: Request) -> Any:
        if route.body is None:
            return None
        return read_body(route.body, await whole_body(request, self.limits))


def make_rest(
    rest: Rest,
    routes: Sequence[Route],
    console: Sequence[ConsoleRoute] = (),
    public: Sequence[OpenRoute] = (),
) -> Application:
    """Return the application that answers *routes* and shows the *console*.

    A stranger is told 401 for whatever does not exist, as for whatever does.
    """
    ways: dict[str, dict[str, Show]] = {"/healthz": {"GET": _health(rest)}}
    for route in sorted(routes, key=_specific):
        show = partial(rest.answer, route)
        ways.setdefault(route.path, {})[route.method] = show
    for open_route in public:
        show = partial(rest.answer_open, open_route)
        ways.setdefault(open_route.path, {})[open_route.method] = show
    for method, path, _, show in console:
        ways.setdefault(path, {})[method] = show
    if console:
        ways["/"] = {"GET": _to_console}
    places = [Place(path, _Methods(rest, by)) for path, by in ways.items()]
    router = Router(places, redirect_slashes=False, default=_Plain(_nothing(rest)))

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await router(scope, receive, with_headers(send))

    return application


class _Plain:
    """Turns what shows a request into an ASGI application; no error gets past it."""

    def __init__(self, show: Show) -> None:
        self._show = show

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        try:
            response = await self._show(request)
        except ClientDisconnect:
            return
        except RoadbedError as error:
            response = problem(error)
        except HTTPException as error:
            response = problem(Invalid(error.detail))
        # The last line of defence: nothing leaves the server but that it failed.
        except Exception:  # noqa: BLE001
            _log.exception("%s %s failed", request.method, mask(request.url.path))
            response = problem(errors.internal(""))
        await response(scope, receive, send)


class _Methods(_Plain):
    """Answers one path, by method."""

    def __init__(self, rest: Rest, ways: Mapping[str, Show]) -> None:
        super().__init__(self._choose)
        self._rest = rest
        self._ways = ways

    async def _choose(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        show = self._ways.get(method)
        if show is not None:
            return await show(request)
        self._rest.known(request)
        allowed = tuple(sorted(self._ways))
        raise WrongMethod(f"{method[:20]} is not offered here", allowed=allowed)


def problem(error: RoadbedError) -> Response:
    """Return *error* as RFC 9457 says it."""
    return _response(errors.problem(error))


def wanted_by(route: Route, request: Request) -> Wanted:
    """Return what *request* wants, for the guard to decide upon."""
    name = request.path_params.get(route.target, ANY) if route.target else ANY
    asked = Target(kind=ACTIONS[route.action].kind, name=name[:200])
    where = f"{request.method} {request.url.path}"
    return Wanted(action=route.action, target=asked, where=where, asked=asked)


def missing(route: Route, params: Mapping[str, str]) -> NotFound:
    """Return the error for something that is not there, or not for this caller."""
    kind = params.get("kind") or ACTIONS[route.action].kind
    named = params.get(route.target, "")
    return NotFound(
        f"there is no {kind[:40]} {named[:80]!r}",
        hint="look at the name; what is listed is what you may see",
    )


def read_query(route: Route, request: Request) -> BaseModel | None:
    """Return the query of *request*; raise Invalid naming what is wrong with it."""
    if route.query is None:
        return None
    try:
        return route.query.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _invalid("the query is wrong", error) from None


def read_body(model: type[BaseModel], body: bytes) -> BaseModel:
    """Return *body* as a *model*; raise Invalid naming what is wrong with it."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _invalid("the body is wrong", error) from None


async def whole_body(request: Request, limits: Limits) -> bytes:
    """Return the body of *request*; raise TooLarge or TooSlow beyond *limits*."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > limits.body_bytes:
                    raise TooLarge(f"the body is larger than {limits.body_bytes} bytes")
    except TimeoutError:
        raise TooSlow("the body did not arrive in time") from None
    return b"".join(parts)


async def read_form(
    route: OpenRoute, request: Request, limits: Limits
) -> Mapping[str, str]:
    """Return the fields of a form-encoded body; each stands there once."""
    if route.form is None:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Invalid("the body is no form", hint=f"send it as {_FORM}")
    body = await whole_body(request, replace(limits, body_bytes=limits.stranger_bytes))
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"
        )
    except ValueError:
        raise Invalid("the body is no form", hint=f"send it as {_FORM}") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Invalid("a field of the form stands there twice")
    return fields


def _write_open(route: OpenRoute, ask: OpenAsk) -> Response:
    """Do the work of *route* and write its answer; runs in a thread."""
    body = adapter_of(route.answer).dump_json(route.handler(ask), exclude_none=True)
    response = Response(body, media_type="application/json")
    response.headers["cache-control"] = route.cache
    return response


def _write(route: Route, ask: Ask) -> Response:
    """Do the work of *route* and write its answer; runs in a thread."""
    result = route.handler(ask)
    if isinstance(result, Raw):
        response = Response(result.body, route.status, media_type=result.content_type)
        if result.filename:
            kept = f'attachment; filename="{result.filename}"'
            response.headers["content-disposition"] = kept
        return response
    body = adapter_of(route.answer).dump_json(result)
    return Response(body, route.status, media_type="application/json")


def _invalid(message: str, error: ValidationError) -> Invalid:
    places = tuple(
        Problem(field=".".join(str(part) for part in e["loc"]), message=e["msg"])
        for e in error.errors(include_url=False, include_input=False)[:50]
    )
    return Invalid(message, problems=places)


def _specific(route: Route) -> str:
    """Return what sorts the paths that say more before those that say less."""
    return re.sub(r"\{\w+\}", "~", route.path)


def _health(rest: Rest) -> Show:
    async def health(request: Request) -> Response:
        well = rest.switch.serving is not None and rest.services.healthy()
        body = msgspec.json.encode({"status": "ok" if well else "unwell"})
        return Response(body, 200 if well else 503, media_type="application/json")

    return health


def _nothing(rest: Rest) -> Show:
    async def nothing(request: Request) -> Response:
        rest.known(request)
        raise NotFound(
            f"there is nothing at {request.url.path[:200]!r}",
            hint="/api/openapi.json says what there is",
        )

    return nothing


async def _to_console(request: Request) -> Response:
    return RedirectResponse("/console", 303)


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.raw_headers = [*response.raw_headers, *reply.headers]
    return response


def with_headers(send: Send) -> Send:
    """Return *send*, with HEADERS on every answer that does not say otherwise."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            more = [(n, v) for n, v in HEADERS.items() if n not in there]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
