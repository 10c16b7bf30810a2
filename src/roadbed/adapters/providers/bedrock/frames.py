"""The binary event stream of AWS, cut into events by botocore's decoder."""

import struct
from typing import Any

import msgspec

from roadbed.core.errors import ProviderError

STREAM_TYPE = "application/vnd.amazon.eventstream"


class BinaryFrames:
    """A `transport.runner.Frames`: every frame's checksums are compared.

    An exception inside the stream is an event by its name, such as
    `throttlingException`; an error without a type of its own is called `error`.
    """

    def __init__(self) -> None:
        from botocore.eventstream import EventStreamBuffer, ParserError

        self._buffer: Any = EventStreamBuffer()
        self._left = 0
        self._damage = (ParserError, struct.error, ValueError, LookupError)

    @property
    def half(self) -> bool:
        """Say whether a frame has begun that has not come to its end."""
        return self._left > 0

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        """Return name and data of each event that *piece* completes.

        Raises ProviderError if a frame is not what was sent.
        """
        self._buffer.add_data(piece)
        try:
            frames = list(self._buffer)
            self._left += len(piece) - sum(f.prelude.total_length for f in frames)
            return [_event(frame.headers, frame.payload) for frame in frames]
        except self._damage:
            failure = ProviderError("the provider's stream was damaged on its way")
        raise failure


def _event(headers: dict[str, Any], payload: bytes) -> tuple[str, bytes]:
    kind = headers.get(":message-type")
    if kind == "event":
        return str(headers.get(":event-type", "")), payload
    if kind == "exception":
        return str(headers.get(":exception-type", "error")), payload
    said = str(headers.get(":error-message", ""))
    return "error", msgspec.json.encode({"message": said})
