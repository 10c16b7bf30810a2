"""The HTTP face: one ASGI application for everything on the one port."""

from collections.abc import Awaitable, Callable
from functools import partial

from roadbed.core.errors import Invalid, RoadbedError
from roadbed.server import errors
from roadbed.server.dataplane import DataPlane
from roadbed.server.exchange import ALWAYS, Message, Receive, Send
from roadbed.server.hot import HotTable
from roadbed.server.origin import Door
from roadbed.server.spelling import spelling_of

LOGS = "/v1/logs"
"""Where OTLP/HTTP sends logs: below `/v1`, and still no prediction."""

Application = Callable[[Message, Receive, Send], Awaitable[None]]
Meet = Callable[[Message], Awaitable[None] | None]
"""Returns what a request has to wait for, if it has to."""


def _nobody(_: Message) -> None:
    return None


def make_asgi(
    plane: DataPlane,
    rest: Application,
    allowed: frozenset[str],
    meet: Meet = _nobody,
) -> Application:
    """Return the application: `/v1` and `/v2` go the short way, the rest to *rest*.

    Requests to other hosts than those *allowed* go nowhere, nor do those that pages
    of other origins send. Before anything else, *meet* may let a request wait.
    """
    table, door = HotTable(), Door(allowed)

    hot = partial(table.handle, plane)

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        wrong = _wrong(scope, door)
        if wrong is not None:
            await _refuse(scope, send, wrong)
            return
        if (wait := meet(scope)) is not None:
            await wait
        if scope["type"] == "http" and is_hot(scope["path"]):
            await plane.answer(hot, scope, receive, send)
        else:
            await rest(scope, receive, send)

    return application


def is_hot(path: str) -> bool:
    """Say whether *path* belongs to the data plane."""
    under = path.startswith(("/v1/", "/v2/")) or path in ("/v1", "/v2")
    return under and path != LOGS


def _wrong(scope: Message, door: Door) -> RoadbedError | None:
    """Return what is wrong with where a request goes, or comes from."""
    if scope["type"] != "http":
        return None
    try:
        return door.wrong(scope["headers"], named=scope["http_version"] != "1.0")
    except Invalid as error:
        return error


async def _refuse(scope: Message, send: Send, error: RoadbedError) -> None:
    """Say why in the dialect of the path, and close: the body was not read."""
    reply = errors.problem(error)
    if is_hot(scope["path"]):
        reply = errors.in_dialect(spelling_of(scope["path"]), error)
    length = (b"content-length", str(len(reply.body)).encode())
    headers = [*reply.headers, *ALWAYS, length, (b"connection", b"close")]
    start = {"type": "http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})
