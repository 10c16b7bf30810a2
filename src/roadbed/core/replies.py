"""What a process and its helper answer one another: a value, or an error as a value."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from roadbed.core.errors import Corrupt, Invalid, NotFound, NotReady, RoadbedError
from roadbed.core.helper import Helper

_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))
_ERRORS: dict[str, type[RoadbedError]] = {
    error.code: error for error in (Corrupt, Invalid, NotFound, NotReady)
}


class Reply(msgspec.Struct, frozen=True):
    """An answer as its bytes, or an error: one that has a code."""

    value: msgspec.Raw = _NOTHING
    code: str = ""
    message: str = ""
    hint: str = ""


def put(helper: Helper, question: msgspec.Struct, shape: Any) -> Any:
    """Put *question* to *helper*, and return its answer as a *shape*.

    Raises the error that the helper tells of, with its words and its hint.
    """
    answer = helper.ask(msgspec.msgpack.encode(question))
    reply = msgspec.msgpack.decode(answer, type=Reply)
    if reply.code:
        error = _ERRORS.get(reply.code, RoadbedError)
        raise error(reply.message, hint=reply.hint)
    return msgspec.msgpack.decode(reply.value, type=shape)


def answers(
    questions: Any, by: Mapping[type, Callable[[Any], Any]], what: str
) -> Callable[[bytes], bytes]:
    """Return what a helper answers with: each of *questions* *by* its kind.

    *what* is what failed, where something did that was not foreseen.
    """
    read = msgspec.msgpack.Decoder(questions)

    def answer(question: bytes) -> bytes:
        try:
            asked = read.decode(question)
            found = msgspec.msgpack.encode(by[type(asked)](asked))
            reply = Reply(value=msgspec.Raw(found))
        except RoadbedError as error:
            reply = _failed(error)
        except Exception as error:  # noqa: BLE001 the parent says what is odd, once
            reply = _failed(RoadbedError(f"{what} failed: {type(error).__name__}"))
        return msgspec.msgpack.encode(reply)

    return answer


def _failed(error: RoadbedError) -> Reply:
    return Reply(code=error.code, message=error.message, hint=error.hint)
