"""The pieces of an answer as Anthropic's content blocks: opened, filled and closed."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import DecodeError
from msgspec.json import decode

from roadbed.dialects.anthropic.write_request import input_of
from roadbed.inference.call import Chunk, ToolPiece

Event = dict[str, Any]


class _Block:
    """A block that is not closed yet; `deltas` wait to be shown."""

    def __init__(self, kind: str, tool: ToolPiece | None = None) -> None:
        self.kind = kind
        self.id = self.name = ""
        self.key = None if tool is None else tool.index
        self.deltas: list[dict[str, Any]] = []
        self.arguments: list[str] = []
        self.begun = self.signed = False

    def complete(self) -> bool:
        """Say whether nothing more can belong to it: a tool has all of its input."""
        if self.kind != "tool_use":
            return True
        said = "".join(self.arguments)
        if not self.name or not said.rstrip().endswith("}"):
            return False
        try:
            return isinstance(decode(said), dict)
        except (DecodeError, UnicodeError, RecursionError):
            return False

    def start(self, index: int, prefix: str) -> Event:
        """Return the event that opens it."""
        block: Event = {"type": self.kind}
        match self.kind:
            case "text":
                block["text"] = ""
            case "thinking":
                block |= {"thinking": "", "signature": ""}
            case _:
                id_ = self.id or f"toolu_{prefix}_{index}"
                block |= {"id": id_, "name": self.name, "input": {}}
        return {"type": "content_block_start", "index": index, "content_block": block}


class Shown:
    """Makes events of pieces. One block is open at a time, as Anthropic writes it.

    Pieces of a block that is not open yet wait until the one before is complete, so
    that tools whose pieces come mixed are told one after another. *prefix* is part of
    the names of tool calls that came without one.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._blocks: deque[_Block] = deque()
        self._closed: set[int | None] = set()
        self._index = 0
        self.called = False

    def add(self, chunk: Chunk) -> list[Event]:
        """Return the events that show *chunk*, or as much of it as can be shown."""
        if chunk.thinking or chunk.signature:
            self._think(chunk.thinking, chunk.signature)
        if text := chunk.text or chunk.refusal:
            self._last("text").deltas.append({"type": "text_delta", "text": text})
        for annotation in chunk.annotations:
            delta = {"type": "citations_delta", "citation": _citation(annotation)}
            self._last("text").deltas.append(delta)
        for piece in chunk.tools:
            self._call(piece)
        return list(self._flow(at_end=False))

    def close(self) -> list[Event]:
        """Return the events that show what waits, and close all blocks."""
        return list(self._flow(at_end=True))

    def _last(self, kind: str) -> _Block:
        if not self._blocks or self._blocks[-1].kind != kind:
            self._blocks.append(_Block(kind))
        return self._blocks[-1]

    def _think(self, text: str, signature: str) -> None:
        block = self._last("thinking")
        if block.signed:
            block = _Block("thinking")
            self._blocks.append(block)
        if text:
            block.deltas.append({"type": "thinking_delta", "thinking": text})
        if signature:
            block.signed = True
            block.deltas.append({"type": "signature_delta", "signature": signature})

    def _call(self, piece: ToolPiece) -> None:
        self.called = True
        if piece.index in self._closed:
            return  # its input was complete: this can only be white space
        known = (b for b in self._blocks if b.key == piece.index)
        block = next(known, None)
        if block is None:
            block = _Block("tool_use", piece)
            self._blocks.append(block)
        block.id, block.name = piece.id or block.id, piece.name or block.name
        if piece.arguments:
            block.arguments.append(piece.arguments)
            delta = {"type": "input_json_delta", "partial_json": piece.arguments}
            block.deltas.append(delta)

    def _flow(self, *, at_end: bool) -> Iterator[Event]:
        while self._blocks:
            block = self._blocks[0]
            if not at_end and block.kind == "tool_use" and not block.name:
                return
            if not block.begun:
                block.begun = True
                yield block.start(self._index, self._prefix)
            for delta in block.deltas:
                known = {"type": "content_block_delta", "index": self._index}
                yield known | {"delta": delta}
            block.deltas.clear()
            alone = len(self._blocks) == 1
            if not at_end and (alone or not block.complete()):
                return
            yield {"type": "content_block_stop", "index": self._index}
            self._index += 1
            self._closed.add(self._blocks.popleft().key)


def assembled(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return the content blocks that *events* make up."""
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            at = event["index"]
            inputs[at] = inputs.get(at, "") + _apply(blocks[at], event["delta"])
    for at, block in enumerate(blocks):
        if block["type"] == "tool_use":
            block["input"] = input_of(inputs.get(at, ""))
    return blocks


def _apply(block: dict[str, Any], delta: dict[str, Any]) -> str:
    """Put *delta* into *block*; return what it adds to the input of a tool."""
    match delta:
        case {"text": text}:
            block["text"] += text
        case {"thinking": text}:
            block["thinking"] += text
        case {"signature": signature}:
            block["signature"] = signature
        case {"citation": citation}:
            block.setdefault("citations", []).append(citation)
        case {"partial_json": text}:
            return text
    return ""


def _citation(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return *annotation* as the place of a search result: its source and its title."""
    page = annotation.get("url_citation")
    known = page if isinstance(page, dict) else annotation
    number = known.get("index")
    return {
        "type": "search_result_location",
        "source": str(known.get("url") or known.get("filename") or ""),
        "title": str(known.get("title") or known.get("heading") or "") or None,
        "cited_text": "",
        "search_result_index": number - 1 if isinstance(number, int) else 0,
        "start_block_index": 0,
        "end_block_index": 1,
    }
