"""An answer as it is remembered for an idempotency key, and told once more."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from roadbed.core.errors import Conflict, ProviderError, RoadbedError
from roadbed.inference.call import Chunk

MAX_BYTES = 4 * 1024 * 1024

_LOST = {
    "large": "it was too large to be remembered",
    "private": "the endpoint keeps no answers",
}


class _Told(msgspec.Struct, omit_defaults=True):
    message: str
    code: str
    status: int
    hint: str = ""


class _Ended(msgspec.Struct, omit_defaults=True):
    chunks: list[Chunk] = []
    error: _Told | None = None
    lost: Literal["", "large", "private"] = ""


class Remembered(ProviderError):
    """The error that the key's first request ended with; asking again changes nothing.

    It has the code and the status of that error.
    """

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(
            f"{message} (this is how the first request with this key ended)",
            hint="send another Idempotency-Key to try once more",
        )
        put: Any = self.__dict__
        put["code"], put["status"] = code, status


def of_answer(chunks: Sequence[Chunk], *, kept: bool) -> bytes:
    """Return a whole answer as it is remembered; if not *kept*, that there was one."""
    if not kept:
        return _encode(_Ended(lost="private"))
    data = _encode(_Ended(chunks=list(chunks)))
    return data if len(data) <= MAX_BYTES else _encode(_Ended(lost="large"))


def of_error(error: RoadbedError) -> bytes:
    """Return *error* as it is remembered."""
    told = _Told(message=error.message, code=error.code, status=error.status)
    return _encode(_Ended(error=told))


def read(data: bytes) -> list[Chunk]:
    """Return the answer that was remembered, or raise the error."""
    ended = msgspec.json.decode(data, type=_Ended)
    if ended.error is not None:
        told = ended.error
        raise Remembered(told.message, code=told.code, status=told.status)
    if ended.lost:
        raise Conflict(
            f"the first request with this Idempotency-Key was answered, but "
            f"{_LOST[ended.lost]}",
            hint="send another Idempotency-Key to ask anew",
        )
    return ended.chunks


def _encode(ended: _Ended) -> bytes:
    # Vectors may be any sequence of numbers.
    return msgspec.json.encode(ended, enc_hook=list)
