"""What a dialect of upstreams is: how it is heard, and how it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.behaviour import Behaviour


class Event(NamedTuple):
    """One event of a stream: its name, empty where the dialect has none, and data."""

    name: str
    data: str


class Count(NamedTuple):
    """Tokens read, of these from a cache, and written; `total` as it is claimed."""

    read: int
    cached: int
    written: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is answered: the text, or the call of a tool with the text as argument."""

    asked: Mapping[str, Any]
    model: str
    text: str
    tool: str = ""
    count: Count | None = None

    @property
    def arguments(self) -> str:
        """Return the arguments of the tool's call, as JSON text."""
        return json.dumps({"text": self.text})

    @property
    def words(self) -> list[str]:
        """Return the text in pieces that join to the same text again."""
        parts = self.text.split(" ")
        return [part if at == 0 else f" {part}" for at, part in enumerate(parts)]


class Speech:
    """A dialect. Subclass it in a file of its own, and write each answer by hand.

    `begins` is how many events come before the first that says something, `ends` how
    many make up the terminal marker; `misshapen` is JSON that is no answer.
    """

    name: ClassVar[str] = ""
    stream_type: ClassVar[str] = "text/event-stream"
    content_type: ClassVar[str] = "application/json"
    heartbeat: ClassVar[bytes] = b": still here\n\n"
    begins: ClassVar[int] = 1
    ends: ClassVar[int] = 1
    misshapen: ClassVar[str] = '{"error": null, "answer": 1}'

    def hears(self, path: str) -> bool:
        """Say whether a request to *path* is in this dialect."""
        raise NotImplementedError

    def streams(self, request: Received) -> bool:
        """Say whether a stream is wanted."""
        return bool(request.json().get("stream"))

    def model(self, request: Received) -> str:
        """Return the model that is asked."""
        return str(request.json().get("model", ""))

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return what the user said last."""
        raise NotImplementedError

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the tool to call, or an empty text."""
        return ""

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return how many tokens are asked: one for each word."""
        return len(self.question(asked).split())

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return the body of an answer that is not streamed, and its own headers."""
        raise NotImplementedError

    def events(self, said: Said) -> list[Event]:
        """Return the events of a stream, the terminal marker last."""
        raise NotImplementedError

    def broken(self, sentence: str) -> Event:
        """Return the event that tells of an error in the middle of an answer."""
        return Event("", json.dumps({"error": {"message": sentence}}))

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return the body of an error, and its own headers."""
        return json.dumps({"error": {"message": sentence}}).encode(), {}

    def frame(self, event: Event) -> bytes:
        """Return *event* as bytes."""
        name = f"event: {event.name}\n" if event.name else ""
        return f"{name}data: {event.data}\n\n".encode()


def answered(
    speech: Speech, request: Received, how: Behaviour, served: str = ""
) -> Said:
    """Return what is to be said to *request* by an upstream that behaves so."""
    asked = request.json()
    text = f"You said: {speech.question(asked)}" + "x" * how.pad
    count = _count(speech.read(asked), len(text.split()), how) if how.usage else None
    return Said(
        asked=asked,
        model=served or speech.model(request),
        text=text,
        tool=speech.tool(asked),
        count=count,
    )


def _count(read: int, written: int, how: Behaviour) -> Count:
    match how.miscount:
        case "negative":
            return Count(-read, -1, -written, -read - written)
        case "absurd":
            return Count(10**18, 0, 10**18, 2 * 10**18)
        case "inconsistent":
            return Count(read, read + 1_000, written, 7)
    return Count(read, min(1, read), written, read + written)


def text_of(content: Any) -> str:
    """Return the text of *content*: as it is, or of the parts that have one."""
    if isinstance(content, list):
        return " ".join(str(p["text"]) for p in content if "text" in p)
    return str(content or "")


def last_of_user(turns: Any) -> Any:
    """Return the last of *turns* that is the user's, an empty one if there is none."""
    mine = [t for t in turns or [] if t.get("role", "user") == "user"]
    return mine[-1] if mine else {}
