"""How long the server waits, and how much it takes, before it gives up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one client may cost. Seconds and bytes.

    `artifact_bytes` bounds a file that a run logs, which goes to the disk as it comes.
    `held_bytes` bounds the bodies of all large requests together. `head_*`,
    `headers` and `url_bytes` bound the head of a request, `body_seconds` the arrival
    of its body, `stall_seconds` how long an answer may lie unread, `idle_seconds` how
    long a connection is kept that asks for nothing. `linger_*` bound what is read and
    thrown away after a body was refused, so that the client sees why.
    """

    body_bytes: int = 32 * 1024 * 1024
    stranger_bytes: int = 64 * 1024
    artifact_bytes: int = 16 * 1024 * 1024 * 1024
    held_bytes: int = 512 * 1024 * 1024
    body_seconds: float = 60.0
    head_bytes: int = 64 * 1024
    headers: int = 128
    url_bytes: int = 8 * 1024
    head_seconds: float = 20.0
    stall_seconds: float = 60.0
    idle_seconds: float = 75.0
    linger_bytes: int = 96 * 1024 * 1024
    linger_seconds: float = 5.0
    drain_seconds: int = 30
    sweep_seconds: float = 1.0


class Room:
    """Counts the bytes that large requests hold in memory, all of them together."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, count: int) -> bool:
        """Take *count* bytes of room; say whether there were so many left."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give(self, count: int) -> None:
        """Give *count* bytes back."""
        self._left += count
