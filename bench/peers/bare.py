"""A pass-through that governs nothing, on the same server and client as Roadbed."""

import sys

import aiohttp
import uvicorn


class Bare:
    """Reads, forwards and writes: an ASGI application."""

    def __init__(self, upstream: str) -> None:
        self.url = f"{upstream}/chat/completions"
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope, receive, send) -> None:
        """Answer one request, or live and end with the server."""
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        given = {"content-type": "application/json"}
        assert self.session is not None
        async with self.session.post(self.url, data=body, headers=given) as answer:
            kind = answer.headers["content-type"].encode()
            start = {"type": "http.response.start", "status": answer.status}
            await send({**start, "headers": [(b"content-type", kind)]})
            async for piece in answer.content.iter_any():
                part = {"type": "http.response.body", "body": piece}
                await send({**part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def live(self, receive, send) -> None:
        """Open the connections at the start and close them at the end."""
        await receive()
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.session.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.Server(
        uvicorn.Config(
            Bare(sys.argv[2]), port=int(sys.argv[1]), log_config=None, access_log=False
        )
    ).run()
