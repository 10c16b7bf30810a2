"""The output of a response in the making: its items, and the events that tell of it.

Each method yields the events that tell of what it did, without their numbers. A whole
answer is made the same way, and its events are not sent.
"""

from collections.abc import Generator, Iterator
from typing import Any, Protocol, TypeVar

from roadbed.dialects.responses.annotations import flat
from roadbed.inference.call import Chunk, ToolPiece

Event = dict[str, Any]


class _Piece(Protocol):
    """An item of the output that may still grow."""

    at: int

    def item(self, status: str) -> dict[str, Any]: ...

    def close(self) -> Iterator[Event]: ...


class _Message:
    """What is said, as parts of text and of refusal in turns."""

    def __init__(self, call_id: str, at: int) -> None:
        self.at = at
        self._id = f"msg_{call_id}_{at}"
        self._parts: list[dict[str, Any]] = []
        self._said: list[str] = []

    def item(self, status: str) -> dict[str, Any]:
        head = {"type": "message", "id": self._id, "status": status}
        return head | {"role": "assistant", "content": list(self._parts)}

    def text(self, text: str) -> Iterator[Event]:
        yield from self._part("output_text")
        self._said.append(text)
        told = self._event("response.output_text.delta")
        yield told | {"delta": text, "logprobs": []}

    def refuse(self, text: str) -> Iterator[Event]:
        yield from self._part("refusal")
        self._said.append(text)
        yield self._event("response.refusal.delta") | {"delta": text}

    def annotate(self, annotation: Event) -> Iterator[Event]:
        yield from self._part("output_text")
        known = self._parts[-1]["annotations"]
        number = {"annotation_index": len(known), "annotation": annotation}
        yield self._event("response.output_text.annotation.added") | number
        known.append(annotation)

    def close(self) -> Iterator[Event]:
        if not self._parts:
            return
        part, text = self._parts[-1], "".join(self._said)
        self._said = []
        if part["type"] == "refusal":
            part["refusal"] = text
            yield self._event("response.refusal.done") | {"refusal": text}
        else:
            part["text"] = text
            told = self._event("response.output_text.done")
            yield told | {"text": text, "logprobs": []}
        yield self._event("response.content_part.done") | {"part": dict(part)}

    def _part(self, kind: str) -> Iterator[Event]:
        """Let the last part be of this kind."""
        if self._parts and self._parts[-1]["type"] == kind:
            return
        yield from self.close()
        empty: dict[str, Any] = {"type": kind, "refusal": ""}
        if kind == "output_text":
            empty = {"type": kind, "text": "", "annotations": [], "logprobs": []}
        self._parts.append(empty)
        shown = {**empty, "annotations": []} if kind == "output_text" else dict(empty)
        yield self._event("response.content_part.added") | {"part": shown}

    def _event(self, kind: str) -> Event:
        place = {"output_index": self.at, "content_index": len(self._parts) - 1}
        return {"type": kind, "item_id": self._id, **place}


class _Thought:
    """What is thought, told as a summary; the proof of it goes with the item."""

    def __init__(self, call_id: str, at: int) -> None:
        self.at = at
        self._id = f"rs_{call_id}_{at}"
        self._thought: list[str] = []
        self._proof: list[str] = []
        self._closed = False

    def item(self, status: str) -> dict[str, Any]:
        parts = [self._part()] if self._closed and self._thought else []
        item = {"type": "reasoning", "id": self._id, "summary": parts}
        proof = "".join(self._proof)
        return item | ({"encrypted_content": proof} if proof else {})

    def think(self, text: str) -> Iterator[Event]:
        if not self._thought:
            told = self._event("response.reasoning_summary_part.added")
            yield told | {"part": {"type": "summary_text", "text": ""}}
        self._thought.append(text)
        yield self._event("response.reasoning_summary_text.delta") | {"delta": text}

    def prove(self, signature: str) -> None:
        self._proof.append(signature)

    def close(self) -> Iterator[Event]:
        self._closed = True
        if not self._thought:
            return
        part = self._part()
        told = self._event("response.reasoning_summary_text.done")
        yield told | {"text": part["text"]}
        yield self._event("response.reasoning_summary_part.done") | {"part": part}

    def _part(self) -> dict[str, str]:
        return {"type": "summary_text", "text": "".join(self._thought)}

    def _event(self, kind: str) -> Event:
        place = {"output_index": self.at, "summary_index": 0}
        return {"type": kind, "item_id": self._id, **place}


class _Called:
    """A function that is to be called."""

    def __init__(self, call_id: str, at: int, first: ToolPiece) -> None:
        self.at = at
        self._id = f"fc_{call_id}_{at}"
        self._called = first.id or f"call_{call_id}_{at}"
        self._name = first.name
        self._arguments: list[str] = []

    def item(self, status: str) -> dict[str, Any]:
        return {
            "type": "function_call",
            "id": self._id,
            "call_id": self._called,
            "name": self._name,
            "arguments": "".join(self._arguments),
            "status": status,
        }

    def add(self, piece: ToolPiece) -> Iterator[Event]:
        self._called = piece.id or self._called
        self._name = piece.name or self._name
        if piece.arguments:
            self._arguments.append(piece.arguments)
            told = self._event("response.function_call_arguments.delta")
            yield told | {"delta": piece.arguments}

    def close(self) -> Iterator[Event]:
        told = self._event("response.function_call_arguments.done")
        whole = {"name": self._name, "arguments": "".join(self._arguments)}
        yield told | whole

    def _event(self, kind: str) -> Event:
        return {"type": kind, "item_id": self._id, "output_index": self.at}


_Growing = TypeVar("_Growing", _Message, _Thought)


class Making:
    """The items of one output so far; `done` holds those that grow no more.

    What is said and thought is closed when something else begins. Calls of functions
    stay open until the end: their arguments may come in turns.
    """

    def __init__(self, call_id: str) -> None:
        self.done: dict[int, dict[str, Any]] = {}
        self._id = call_id
        self._count = 0
        self._open: _Message | _Thought | None = None
        self._called: dict[int, _Called] = {}

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the items that are done, in their order."""
        return [self.done[at] for at in sorted(self.done)]

    def take(self, chunk: Chunk) -> Iterator[Event]:
        """Take in one piece of the answer."""
        if chunk.thinking or chunk.signature:
            yield from self._think(chunk)
        if chunk.text:
            message = yield from self._let(_Message)
            yield from message.text(chunk.text)
        if chunk.refusal:
            message = yield from self._let(_Message)
            yield from message.refuse(chunk.refusal)
        for annotation in chunk.annotations:
            message = yield from self._let(_Message)
            yield from message.annotate(flat(annotation))
        for piece in chunk.tools:
            yield from self._call(piece)

    def end(self, status: str) -> Iterator[Event]:
        """Close what is open; the very last item is `completed` or `incomplete`."""
        left: list[_Piece] = sorted(self._called.values(), key=lambda p: p.at)
        if self._open is not None:
            left.append(self._open)
        self._open, self._called = None, {}
        for piece in sorted(left, key=lambda p: p.at):
            last = piece.at == self._count - 1
            yield from self._close(piece, status if last else "completed")

    def _think(self, chunk: Chunk) -> Iterator[Event]:
        thought = yield from self._let(_Thought)
        if chunk.thinking:
            yield from thought.think(chunk.thinking)
        if chunk.signature:
            thought.prove(chunk.signature)
            yield from self._shut()

    def _call(self, piece: ToolPiece) -> Iterator[Event]:
        called = self._called.get(piece.index)
        if called is None:
            yield from self._shut()
            called = _Called(self._id, self._next(), piece)
            self._called[piece.index] = called
            yield self._added(called)
        yield from called.add(piece)

    def _let(self, kind: type[_Growing]) -> Generator[Event, None, _Growing]:
        """Let the open item be of this kind."""
        if not isinstance(self._open, kind):
            yield from self._shut()
            self._open = kind(self._id, self._next())
            yield self._added(self._open)
        return self._open

    def _shut(self) -> Iterator[Event]:
        piece, self._open = self._open, None
        if piece is not None:
            yield from self._close(piece, "completed")

    def _close(self, piece: _Piece, status: str) -> Iterator[Event]:
        yield from piece.close()
        self.done[piece.at] = item = piece.item(status)
        told = {"type": "response.output_item.done", "output_index": piece.at}
        yield told | {"item": item}

    def _added(self, piece: _Piece) -> Event:
        told = {"type": "response.output_item.added", "output_index": piece.at}
        return told | {"item": piece.item("in_progress")}

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
