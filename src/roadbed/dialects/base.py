"""What a dialect is: four halves, two for callers and two for upstreams.

A dialect that callers speak has a `Spoken`: how to read what is asked, and how to
write the answer, whole or as a stream, and what went wrong. One that upstreams speak
has a `Written`: how to write what is asked in it, and a `Reader` for what comes back.
The packages here have the same files for the same halves: `parse_request.py`,
`write_answer.py`, `write_request.py` and `parse_answer.py`; `errors.py` has both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from roadbed.core.errors import RoadbedError
from roadbed.core.secret import Secret
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest, Fields, TextRequest
from roadbed.inference.conversation import Conversation


class View(Protocol):
    """Writes one answer as a stream. Each method returns bytes to send, or none."""

    def show(self, chunk: Chunk) -> bytes:
        """Return the events that show *chunk*; of its finish, only what is no end."""
        ...

    def last(self) -> bytes:
        """Return the events that end the answer. Asked once it is on record."""
        ...

    def failed(self, error: RoadbedError) -> bytes:
        """Return the events that tell of *error* in an answer that began well."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """How callers ask in a dialect, and how they are answered.

    `read` returns the model's name and the request, and raises Invalid naming the
    field. `whole` returns the body of an answer that is not streamed, of its pieces.
    `error` returns the body that tells of an error. `heartbeat` is sent between events
    while there is nothing to say; `view` is None where nothing is ever streamed.
    """

    name: str
    read: Callable[[bytes], tuple[str, TextRequest]]
    whole: Callable[[Call, Sequence[Chunk]], bytes]
    error: Callable[[RoadbedError], Mapping[str, Any]]
    view: Callable[[Call], View] | None = None
    heartbeat: bytes = b""


@runtime_checkable
class Ends(Protocol):
    """A Reader of a dialect in which only the end of the body ends a stream."""

    def end(self) -> Chunk | None:
        """Return the last chunk of a body that ended well; None if it is half."""
        ...


class Reader(Protocol):
    """Reads what an upstream answers. Raises ProviderError and nothing else."""

    @property
    def done(self) -> bool:
        """Say whether the terminal marker of the stream was seen."""
        ...

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed.

        Raises Truncated if the answer does not say that it is finished.
        """
        ...

    def event(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of one event, or None if it has nothing for the caller.

        *name* is empty where a dialect does not name its events. The chunk of the
        terminal marker has the finish and the usage, and no other has.
        """
        ...


def _as_written(pinned: Fields) -> Fields:
    return pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How upstreams are asked in a dialect, and how their answers are read.

    `write` returns the fields that ask for a conversation, without the model.
    `prepend` puts a system prompt before what a caller of the same dialect asks, and
    `stream` adds what asks for a stream that counts its tokens. `reader` is given the
    request and the key, which no error may repeat. A version may pin no parameter of
    `reserved`. `pins` says the parameters that a version pins in this dialect, where a
    provider's own words are those of another; it raises Invalid naming what it cannot
    say. `lacks` are fields of a conversation that `write` leaves out, for want of a
    word.
    """

    name: str
    merged: frozenset[str] = frozenset()
    """Objects of which a version pins single parameters: the caller's others stay."""
    write: Callable[[Conversation], Fields]
    prepend: Callable[[Fields, str], Fields]
    stream: Callable[[Fields], Fields]
    reader: Callable[[ChatRequest, Secret | None], Reader]
    reserved: frozenset[str]
    pins: Callable[[Fields], Fields] = _as_written
    lacks: tuple[str, ...] = ()
