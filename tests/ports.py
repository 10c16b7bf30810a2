"""Ports for servers that are started later, by another process.

They are below those that the system gives to whoever asks for any: between the choice
and the start, many others do.
"""

import os
import socket
from contextlib import suppress
from functools import cache
from itertools import cycle

_FIRST, _EACH, _WORKERS = 20_000, 2_000, 6


def free_port() -> int:
    """Return a port that nobody has, and that nobody else here will be given."""
    for port in _ports():
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: the ports go round")


@cache
def _ports():
    """Go round the ports of this test worker, from another one in each session."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, start = _FIRST + worker % _WORKERS * _EACH, os.getpid()
    return cycle([first + (start + n) % _EACH for n in range(_EACH)])
