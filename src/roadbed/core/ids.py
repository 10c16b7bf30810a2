"""Ids that say where and when: a region and a UUIDv7."""

import re
import threading
import time
from collections.abc import Callable

from roadbed.core.errors import Invalid
from roadbed.core.fresh import Fresh

_CALL = re.compile(
    r"([a-z][a-z0-9-]{0,30}?)-"
    r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
)


class Uuid7:
    """Makes UUIDv7 texts (RFC 9562) that sort by the time they were made.

    Within one millisecond the 12 bits after the time count up from a random
    start, so ids of one process are strictly increasing.
    """

    def __init__(
        self,
        now_ns: Callable[[], int] = time.time_ns,
        tail: Callable[[], bytes] | None = None,
    ) -> None:
        self._now_ns = now_ns
        self._tail = tail or Fresh(10)
        self._lock = threading.Lock()
        self._ms = 0
        self._count = 0

    def __call__(self) -> str:
        """Return the next id."""
        random = self._tail()
        with self._lock:
            ms = self._now_ns() // 1_000_000
            if ms > self._ms:
                self._ms = ms
                self._count = int.from_bytes(random[8:], "big") & 0x7FF
            else:
                self._count += 1
                if self._count > 0xFFF:
                    self._ms, self._count = self._ms + 1, 0
            ms, count = self._ms, self._count
        tail = int.from_bytes(random[:8], "big") & ((1 << 62) - 1)
        text = f"{(ms << 80) | (7 << 76) | (count << 64) | (2 << 62) | tail:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def split_call_id(call_id: str) -> tuple[str, int]:
    """Return the region and the milliseconds since 1970 that *call_id* names.

    Raises Invalid if it is not a call id.
    """
    match = _CALL.fullmatch(call_id)
    if match is None:
        raise Invalid(
            f"{call_id!r} is not a call id",
            hint="a call id is a region and a UUIDv7; answers carry it in the "
            "x-roadbed-call header",
        )
    return match[1], int(match[2].replace("-", "")[:12], 16)
