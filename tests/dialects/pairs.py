"""Answers and conversations made up at random, and ears that hear them in any dialect.

Nothing here uses the dialects that it tests: upstreams are written by hand in
`upstreams.py`, and what a caller is shown is put together by hand below, from the
events of a stream or from the whole body.
"""

import json
import pkgutil
from dataclasses import dataclass, replace
from importlib import import_module

import msgspec
from hypothesis import strategies as st

import roadbed.dialects
from roadbed.dialects.base import Spoken, Written
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)

PACKAGES = [
    import_module(f"roadbed.dialects.{found.name}")
    for found in pkgutil.iter_modules(roadbed.dialects.__path__)
    if found.ispkg
]
WRITTEN = {
    package.WRITTEN.name: package.WRITTEN
    for package in PACKAGES
    if isinstance(getattr(package, "WRITTEN", None), Written)
}
SPOKEN = {
    package.SPOKEN.name: package.SPOKEN
    for package in PACKAGES
    if isinstance(getattr(package, "SPOKEN", None), Spoken) and package.SPOKEN.view
}
"""The dialects of conversations; those of vectors and the like stream nothing."""


# Answers.


@dataclass(frozen=True)
class Said:
    """One thing that a model says: a text, a thought or the call of a tool."""

    kind: str
    pieces: tuple
    id: str = ""
    name: str = ""

    @property
    def text(self):
        return "".join(self.pieces)


@dataclass(frozen=True)
class Answer:
    """What a model says, why it stops, and what was counted."""

    said: tuple
    finish: str
    usage: Usage


@dataclass(frozen=True)
class Heard:
    """What a caller understands of an answer, whatever its dialect."""

    text: str
    thinking: str
    calls: tuple
    finish: str
    usage: tuple


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3)
NAMES = st.sampled_from(["look_up", "send", "a-b_9"])


def cut(text, places):
    """Return *text* in pieces, none of them empty."""
    at = sorted({place % len(text) for place in places} - {0})
    return tuple(text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True))


@st.composite
def says(draw, kind, number=0):
    """One thing said. Arguments are compact JSON, as a machine writes it."""
    places = draw(st.lists(st.integers(0, 99), max_size=3))
    if kind != "tool":
        return Said(kind, cut(draw(WORDS), places))
    written = msgspec.json.encode(draw(ARGUMENTS)).decode()
    return Said(kind, cut(written, places), f"call_{number}", draw(NAMES))


COUNT = st.integers(0, 10_000)


@st.composite
def answers(draw, finishes=("stop", "length")):
    """An answer: perhaps thoughts, then perhaps a text, then perhaps calls of tools."""
    said = [draw(says("thinking"))] if draw(st.booleans()) else []
    calls = draw(st.integers(0, 2))
    if draw(st.booleans()) or not calls:
        said.append(draw(says("text")))
    said += [draw(says("tool", n)) for n in range(calls)]
    finish = draw(st.sampled_from(finishes))
    finish = "tool_calls" if calls and finish == "stop" else finish
    asked, written, cached, thought = (draw(COUNT) for _ in range(4))
    counted = {"cached_tokens": cached, "reasoning_tokens": thought}
    usage = Usage(
        input_tokens=asked + cached, output_tokens=written + thought, **counted
    )
    return Answer(tuple(said), finish, usage)


def chunks_of(answer):
    """Return *answer* as the pieces of the inner form, one each."""
    found, calls = [], 0
    for said in answer.said:
        if said.kind != "tool":
            found += [Chunk(**{said.kind: piece}) for piece in said.pieces]
            continue
        head = ToolPiece(index=calls, id=said.id, name=said.name)
        found.append(Chunk(tools=(head,)))
        pieces = (ToolPiece(index=calls, arguments=piece) for piece in said.pieces)
        found += [Chunk(tools=(piece,)) for piece in pieces]
        calls += 1
    return [*found, Chunk(finish=answer.finish, usage=answer.usage)]


def meant(answer, dialect):
    """Return what a caller of *dialect* has to hear of *answer*."""
    texts = {kind: "" for kind in ("text", "thinking")}
    for said in answer.said:
        if said.kind != "tool":
            texts[said.kind] += said.text
    calls = tuple((s.id, s.name, s.text) for s in answer.said if s.kind == "tool")
    usage = answer.usage.input_tokens, answer.usage.output_tokens
    return Heard(**texts, calls=calls, finish=ENDS[dialect][answer.finish], usage=usage)


# Ears.


ENDS = {
    "openai": {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
    },
    "anthropic": {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    },
    "openai-responses": {
        "stop": "completed",
        "length": "max_output_tokens",
        "tool_calls": "completed",
        "content_filter": "content_filter",
    },
}
"""How each reason to stop is told in each dialect."""


def events_in(stream):
    """Return the data of each server-sent event in *stream*, decoded."""
    lines = [line for line in stream.split(b"\n") if line.startswith(b"data:")]
    datas = [line.removeprefix(b"data:").strip() for line in lines]
    return [json.loads(data) for data in datas if data != b"[DONE]"]


def raw_input(block):
    """Return the bytes of the input of a tool as text."""
    return bytes(block["input"]).decode()


class OpenAI:
    """Chat completions."""

    def whole(self, body):
        answer = json.loads(body)
        (choice,) = answer["choices"]
        message, usage = choice["message"], answer["usage"]
        calls = message.get("tool_calls") or ()
        return Heard(
            text=message.get("content") or "",
            thinking=message.get("reasoning_content") or "",
            calls=tuple((c["id"], *c["function"].values()) for c in calls),
            finish=choice["finish_reason"],
            usage=(usage["prompt_tokens"], usage["completion_tokens"]),
        )

    def stream(self, data):
        assert data.endswith(b"data: [DONE]\n\n")
        texts, calls, finish, usage = {}, {}, None, None
        for event in events_in(data):
            usage = event.get("usage") or usage
            for choice in event["choices"]:
                finish = choice["finish_reason"] or finish
                for name, value in choice["delta"].items():
                    if name == "tool_calls":
                        _gather(calls, value)
                    elif isinstance(value, str):
                        texts[name] = texts.get(name, "") + value
        return Heard(
            text=texts.get("content", ""),
            thinking=texts.get("reasoning_content", ""),
            calls=tuple(tuple(call) for call in calls.values()),
            finish=finish,
            usage=(usage["prompt_tokens"], usage["completion_tokens"]),
        )


def _gather(calls, pieces):
    for piece in pieces:
        known = calls.setdefault(piece["index"], ["", "", ""])
        known[0] = piece.get("id") or known[0]
        known[1] = piece["function"].get("name") or known[1]
        known[2] += piece["function"].get("arguments", "")


class Anthropic:
    """Messages."""

    def whole(self, body):
        answer = json.loads(body)
        shape = dict[str, msgspec.Raw]
        raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["content"]
        blocks = msgspec.json.decode(raw, type=list[shape])
        plain = answer["content"]
        calls = [
            (b["id"], b["name"], raw_input(r))
            for b, r in zip(plain, blocks, strict=True)
            if b["type"] == "tool_use"
        ]
        return self._heard(plain, calls, answer["stop_reason"], answer["usage"])

    def stream(self, data):
        events = events_in(data)
        assert data.count(b"event: ") == len(events)
        assert events[-1] == {"type": "message_stop"}
        blocks, inputs, reason, usage = {}, {}, None, {}
        for event in events:
            if event["type"] == "content_block_start":
                blocks[event["index"]] = event["content_block"]
            elif event["type"] == "content_block_delta":
                _apply(blocks, inputs, event["index"], event["delta"])
            elif event["type"] == "message_start":
                usage |= event["message"]["usage"]
            elif event["type"] == "message_delta":
                reason = event["delta"]["stop_reason"]
                usage |= event["usage"]
        calls = [
            (b["id"], b["name"], inputs.get(at) or "{}")
            for at, b in blocks.items()
            if b["type"] == "tool_use"
        ]
        return self._heard(blocks.values(), calls, reason, usage)

    def _heard(self, blocks, calls, reason, usage):
        read = usage.get("cache_read_input_tokens", 0)
        return Heard(
            text="".join(b["text"] for b in blocks if b["type"] == "text"),
            thinking="".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
            calls=tuple(calls),
            finish=reason,
            usage=(usage["input_tokens"] + read, usage["output_tokens"]),
        )


def _apply(blocks, inputs, at, delta):
    if delta["type"] == "input_json_delta":
        inputs[at] = inputs.get(at, "") + delta["partial_json"]
        return
    for name, value in delta.items():
        if name in ("text", "thinking"):
            blocks[at][name] += value


class Responses:
    """OpenAI Responses: what the deltas say, and the last event has to agree."""

    def whole(self, body):
        return self._heard(json.loads(body))

    def stream(self, data):
        events = events_in(data)
        assert data.count(b"event: ") == len(events)
        said = {}
        for event in events:
            kind = event["type"].removeprefix("response.")
            if kind.endswith(".delta"):
                family = kind.split(".")[0], event["output_index"]
                said[family] = said.get(family, "") + event["delta"]
        heard = self._heard(events[-1]["response"])
        told = {name: "" for name in ("output_text", "reasoning_summary_text")}
        for (family, _), text in sorted(said.items(), key=lambda item: item[0][1]):
            told[family] = told.get(family, "") + text
        assert heard.text == told["output_text"]
        assert heard.thinking == told["reasoning_summary_text"]
        arguments = "".join(call[2] for call in heard.calls)
        assert arguments == told.get("function_call_arguments", "")
        return heard

    def _heard(self, answer):
        items, short = answer["output"], answer.get("incomplete_details")
        parts = [p for i in items if i["type"] == "message" for p in i["content"]]
        thoughts = [p for i in items if i["type"] == "reasoning" for p in i["summary"]]
        calls = [i for i in items if i["type"] == "function_call"]
        usage = answer["usage"]
        return Heard(
            text="".join(part["text"] for part in parts),
            thinking="".join(part["text"] for part in thoughts),
            calls=tuple((c["call_id"], c["name"], c["arguments"]) for c in calls),
            finish=short["reason"] if short else answer["status"],
            usage=(usage["input_tokens"], usage["output_tokens"]),
        )


EARS = {
    "openai": OpenAI(),
    "anthropic": Anthropic(),
    "openai-responses": Responses(),
}


# Conversations.


PICTURE = Image(media_type="image/png", data="iVBORw0KGgo=")


@st.composite
def conversations(draw):
    """A conversation that all dialects can carry: turns alternate, results follow."""
    turns = [Turn(role="user", parts=tuple(draw(_spoken(pictures=True))))]
    if draw(st.booleans()):
        turns.insert(0, Turn(role="system", parts=(Text(text=draw(WORDS)),)))
    for number in range(draw(st.integers(0, 2))):
        parts, uses = draw(_spoken()), []
        if draw(st.booleans()):
            uses = [draw(_use(f"call_{number}{n}")) for n in range(2)]
        turns.append(Turn(role="assistant", parts=(*parts, *uses)))
        results = [draw(_result(use.id)) for use in uses]
        turns.append(Turn(role="user", parts=(*results, *draw(_spoken()))))
    return Conversation(
        turns=tuple(turns),
        tools=tuple(
            Tool(name=name, schema={"type": "object"}) for name in ("look_up",)
        ),
        max_tokens=draw(st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
    )


def _spoken(pictures=False):
    text = WORDS.map(lambda words: [Text(text=words)])
    both = text.map(lambda parts: [*parts, PICTURE])
    return text | both if pictures else text


@st.composite
def _use(draw, identity):
    written = msgspec.json.encode(draw(ARGUMENTS)).decode()
    return ToolUse(id=identity, name=draw(NAMES), arguments=written)


@st.composite
def _result(draw, identity):
    return ToolResult(id=identity, parts=(Text(text=draw(WORDS)),))


def gist(asked):
    """Return what *asked* means, however it is divided into turns."""
    spoken = []
    for turn in asked.spoken:
        parts = [_plain(part) for part in turn.parts]
        if spoken and spoken[-1][0] == turn.role:
            spoken[-1][1].extend(parts)
        else:
            spoken.append((turn.role, parts))
    tools = tuple((tool.name, dict(tool.schema)) for tool in asked.tools)
    numbers = asked.max_tokens, asked.temperature, asked.top_p, asked.stop
    return asked.system, spoken, tools, numbers


def _plain(part):
    """Return *part*; of a picture in detail `auto` nothing is said."""
    auto = isinstance(part, Image) and part.detail == "auto"
    return replace(part, detail="") if auto else part
