"""The HTTP face: one ASGI application for everything on the one port."""

from collections.abc import Awaitable, Callable

from roadbed.server.dataplane import DataPlane
from roadbed.server.exchange import Exchange, Message, Receive, Send
from roadbed.server.hot import HotTable

Application = Callable[[Message, Receive, Send], Awaitable[None]]


def make_asgi(plane: DataPlane, rest: Application) -> Application:
    """Return the application: `/v1` and `/v2` go the short way, the rest to *rest*."""
    table = HotTable()

    async def hot(exchange: Exchange) -> None:
        await table.handle(plane, exchange)

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_hot(scope["path"]):
            await plane.answer(hot, scope, receive, send)
        else:
            await rest(scope, receive, send)

    return application


def is_hot(path: str) -> bool:
    """Say whether *path* belongs to the data plane."""
    return path.startswith(("/v1/", "/v2/")) or path in ("/v1", "/v2")
