"""A thin layer before the server, for tests that call any model by any name.

Names of endpoints are restricted, and a client's own tests ask for `gpt-5.4` or
`string` with a key of their own. So this replaces two things in what it forwards: the
model, by the name of an endpoint, and the credential, by one of ours. Responses that
are asked for without any input get one. All else goes through as it came, in both
directions.
"""

import asyncio
import json
import re
import threading
from contextlib import suppress

import aiohttp
from aiohttp import web

_OWN = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}


class Front:
    """A context manager; `url` is where it listens."""

    def __init__(self, target, key, endpoint_of):
        self.target, self.key, self.endpoint_of = target, key, endpoint_of
        self.loop = asyncio.new_event_loop()
        self.port = 0

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._begin())
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _begin(self):
        self.session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def _end(self):
        await self.runner.cleanup()
        await self.session.close()

    async def _forward(self, request):
        path = request.rel_url.raw_path_qs
        endpoint = self.endpoint_of(path)
        path = re.sub(r"^(/v1/models/)[^/?]+", rf"\g<1>{endpoint}", path)
        body = await request.read()
        with suppress(ValueError, AttributeError):
            asked = json.loads(body)
            needed = {"input": "hello"} if path.startswith("/v1/responses") else {}
            body = json.dumps(needed | asked | {"model": endpoint}).encode()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OWN}
        for name in ("Authorization", "x-api-key"):
            headers.pop(name, None)
        headers["Authorization"] = f"Bearer {self.key}"
        url = self.target + path
        async with self.session.request(
            request.method, url, data=body or None, headers=headers
        ) as answer:
            told = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in _OWN:
                    told.headers[name] = value
            await told.prepare(request)
            with suppress(ConnectionError):  # a client may leave when it has enough
                async for piece in answer.content.iter_any():
                    await told.write(piece)
                await told.write_eof()
            return told
