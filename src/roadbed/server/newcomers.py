"""An unknown key may have been made a moment ago: look before it is refused.

Changes are looked for a few times a second. Whoever makes a key and uses it at once
would be a stranger in between.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from roadbed.identity.tokens import KEY, credential_digest
from roadbed.server.exchange import Message
from roadbed.server.switch import Switch

PAUSE_S = 0.05
"""The least time between two looks, however many strangers ask for them."""
PATIENCE_S = 1.0
_SHOWN = (b"authorization", b"x-api-key")
_BEGINS = f"{KEY}_"
_log = logging.getLogger("roadbed.server")


class Newcomers:
    """Lets requests with an unknown key wait for one look at what was changed.

    *look* blocks, and swaps in what is new. Those who come while it looks share the
    next look, so strangers cost one short query every `PAUSE_S`, and nobody waits for
    longer than `PATIENCE_S`.
    """

    def __init__(self, switch: Switch, look: Callable[[], object]) -> None:
        self._switch = switch
        self._look = look
        self._next: asyncio.Task[None] | None = None
        self._under_way: asyncio.Task[None] | None = None
        self._ended_s = 0.0

    def meet(self, scope: Message) -> Awaitable[None] | None:
        """Return what to wait for before a request is judged; None if for nothing."""
        key, serving = _key_in(scope), self._switch.serving
        if not key or serving is None:
            return None
        known = credential_digest(key) in serving.snapshot.credentials
        return None if known else self._wait()

    async def _wait(self) -> None:
        if self._next is None:
            self._next = asyncio.create_task(self._soon(self._under_way))
        await asyncio.wait([self._next], timeout=PATIENCE_S)

    async def _soon(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(self._ended_s + PAUSE_S - time.monotonic())
        self._under_way, self._next = self._next, None
        try:
            await asyncio.to_thread(self._look)
        # Whoever looks all the time raises the alert; here it is a key that is unknown.
        except Exception as error:  # noqa: BLE001
            _log.info("nobody could look for a new key", exc_info=error)
        self._ended_s = time.monotonic()


def _key_in(scope: Message) -> str:
    """Return what a request shows, if that has the form of a key; else nothing."""
    if scope["type"] == "http":
        for name, value in scope["headers"]:
            if name in _SHOWN:
                text = value.decode("latin-1").removeprefix("Bearer ").strip()
                if text.startswith(_BEGINS):
                    return text
    return ""
