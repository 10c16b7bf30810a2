"""Run the application with uvicorn: one process, one port."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import uvicorn
import uvloop

from roadbed.core.errors import Conflict, Invalid
from roadbed.core.memory import collect_seldom
from roadbed.server.asgi import Application
from roadbed.server.limits import Limits
from roadbed.server.wire import PatientProtocol, sweep

BACKLOG = 2048


class Life(Protocol):
    """What begins before the first request and ends after the last answer."""

    async def start(self) -> None:
        """Begin; what this raises keeps the server from starting."""
        ...

    async def stop(self) -> None:
        """End, once all requests have been answered."""
        ...


class Server(uvicorn.Server):
    """uvicorn, except that a wish to stop is granted and then forgotten.

    uvicorn raises the signal again once it has stopped, which would end the
    process with an error after a calm stop.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        on_started: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(configuration(application, limits))
        self.limits = limits
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        if self._on_started is not None:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gently at the first SIGINT or SIGTERM, at once at the second SIGINT."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port* (0: any free port).

    Raises Conflict if somebody has the port, Invalid for an unusable address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except PermissionError:
        raise Invalid(
            f"port {port} may not be used by this user", hint="set ROADBED_PORT"
        ) from None
    except (socket.gaierror, OverflowError):
        raise Invalid(
            f"{host!r} is no address of this machine", hint="set ROADBED_HOST"
        ) from None
    except OSError as error:
        raise Conflict(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="stop what uses the port, or set ROADBED_PORT to another one",
        ) from None


def configuration(application: Application, limits: Limits) -> uvicorn.Config:
    """Return how uvicorn is to run *application*."""
    return uvicorn.Config(
        application,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=limits.drain_seconds,
        log_level="critical",
    )


def serve(server: Server, life: Life, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then answer what is under way, and return.

    Raises what *life* raises when it starts; nothing listens before it has.
    """
    collect_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(server, life, listener))


async def run(server: Server, life: Life, listener: socket.socket) -> None:
    """Serve on the running loop until *server* is told to exit."""
    # Every generator of ours is closed by whoever reads it. To be told of each one
    # when it begins, only to close it once more at the end, is not worth its cost.
    sys.set_asyncgen_hooks(firstiter=None)
    await life.start()
    connections = cast(set[PatientProtocol], server.server_state.connections)
    sweeper = asyncio.create_task(sweep(connections, server.limits))
    try:
        await server.serve(sockets=[listener])
    finally:
        sweeper.cancel()
        await life.stop()
