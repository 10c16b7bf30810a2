"""What is answered in Anthropic's words: whole and streamed alike, and never worse."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import (
    BudgetExhausted,
    Overloaded,
    ProviderError,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.dialects.anthropic import SPOKEN
from roadbed.dialects.anthropic.errors import body_of
from roadbed.dialects.anthropic.parse_answer import Answer
from roadbed.dialects.anthropic.write_answer import EventView, usage_of, whole
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.testing.provider_contract import chat_request, make_call

PLAIN = chat_request("hi")
CALL = make_call(None, PLAIN)


def events_of(data):
    """Return the events in *data*, read by hand; each has its own name."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        first, second = block.split("\n")
        event = json.loads(second.removeprefix("data: "))
        assert first == f"event: {event['type']}"
        found.append(event)
    return found


def shown(chunks):
    view = EventView(CALL)
    return events_of(b"".join([*map(view.show, chunks), view.last()]))


def put_together(events):
    """Return the message that *events* make up, as a strict client does it."""
    assert events[0]["type"] == "message_start"
    assert [e["type"] for e in events[-2:]] == ["message_delta", "message_stop"]
    message, is_open = events[0]["message"], None
    content = message["content"]
    for event in events[1:-2]:
        assert is_open in (None, event["index"])
        is_open = event["index"]
        if event["type"] == "content_block_start":
            assert is_open == len(content)
            content.append(event["content_block"] | {"partial_json": ""})
        elif event["type"] == "content_block_delta":
            fill(content[is_open], event["delta"])
        else:
            is_open = None
    assert is_open is None
    for block in content:
        if text := block.pop("partial_json"):
            block["input"] = json.loads(text)
    message["usage"] |= events[-2]["usage"]
    return message | events[-2]["delta"]


def fill(block, delta):
    name = next(name for name in delta if name != "type")
    if name == "citation":
        block.setdefault("citations", []).append(delta[name])
    else:
        block[name] += delta[name]


# Stream and whole say the same, for any answer.

WORDS = st.text(min_size=1, max_size=6)
OBJECTS = st.dictionaries(st.text(max_size=3), st.integers() | WORDS, max_size=3)
NOTE = {"type": "url_citation", "url_citation": {"url": "doc:1", "title": "One"}}


@st.composite
def answers(draw):
    """Thoughts, texts, and calls of tools whose pieces come mixed."""
    chunks = []
    for kind in draw(st.lists(st.sampled_from("ttsnr"), max_size=5)):
        chunks += {
            "t": [Chunk(text=w) for w in draw(st.lists(WORDS, max_size=3))],
            "s": [Chunk(thinking=draw(WORDS)), Chunk(signature="c2ln")],
            "n": [Chunk(text="x", annotations=(NOTE,)), Chunk()],
            "r": [Chunk(refusal=draw(WORDS))],
        }[kind]
    pieces = []
    for index in range(draw(st.integers(0, 3))):
        text = json.dumps(draw(OBJECTS), ensure_ascii=False)
        cut = draw(st.integers(0, len(text)))
        head = ToolPiece(index=index, id=f"call_{index}", name=f"tool{index}")
        rest = [ToolPiece(index=index, arguments=t) for t in (text[:cut], text[cut:])]
        pieces.append([head, *rest])
    chunks += [Chunk(tools=(piece,)) for piece in draw(mixed(pieces))]
    usage = draw(st.none() | st.builds(Usage, input_tokens=st.integers(0, 99)))
    finish = draw(st.sampled_from(["stop", "length", "tool_calls", "refusal", "pause"]))
    stop = draw(st.sampled_from(["", "END"])) if finish == "stop" else ""
    return [*chunks, Chunk(finish=finish, usage=usage, stop=stop)]


@st.composite
def mixed(draw, rows):
    """Draw from *rows*, each in its own order."""
    left, found = [list(row) for row in rows], []
    while any(left):
        row = draw(st.sampled_from([row for row in left if row]))
        found.append(row.pop(0))
    return found


@given(answers())
@settings(max_examples=60)
def test_a_stream_put_together_is_the_whole(chunks):
    told = json.loads(whole(CALL, chunks))

    assert put_together(shown(chunks)) == told
    texts = [b["text"] for b in told["content"] if b["type"] == "text"]
    assert "".join(texts) == "".join(c.text or c.refusal for c in chunks)
    said = {}
    for piece in (p for c in chunks for p in c.tools):
        said[piece.index] = said.get(piece.index, "") + piece.arguments
    used = {b["id"]: b["input"] for b in told["content"] if b["type"] == "tool_use"}
    assert used == {f"call_{i}": json.loads(text) for i, text in said.items()}


@given(answers())
@settings(max_examples=40)
def test_what_we_show_is_read_as_what_it_was(chunks):
    """A Roadbed behind a Roadbed loses nothing on the way."""
    reader = Answer(PLAIN)
    heard = [reader.event(e["type"], json.dumps(e).encode()) for e in shown(chunks)]
    once = Answer(PLAIN).whole(whole(CALL, chunks))

    for name in ("text", "thinking"):
        text = "".join(getattr(c, name) for c in heard)
        assert text == getattr(once, name)
    assert reader.done
    last = heard[-1]
    assert (last.finish, last.stop) == (once.finish, once.stop)
    assert last.usage == once.usage


def test_pieces_of_two_tools_that_come_mixed_are_told_one_after_the_other():
    pieces = [
        ToolPiece(index=0, id="a", name="one", arguments='{"x":'),
        ToolPiece(index=1, id="b", name="two", arguments='{"y":'),
        ToolPiece(index=0, arguments="1}"),
        ToolPiece(index=1, arguments="2}"),
    ]
    events = shown([*(Chunk(tools=(p,)) for p in pieces), Chunk(finish="tool_calls")])
    blocks = put_together(events)["content"]

    assert [(b["name"], b["input"]) for b in blocks] == [
        ("one", {"x": 1}),
        ("two", {"y": 2}),
    ]


def test_a_tool_is_told_as_it_comes():
    view = EventView(CALL)
    first = view.show(Chunk(tools=(ToolPiece(index=0, id="a", name="t"),)))
    more = view.show(Chunk(tools=(ToolPiece(index=0, arguments='{"x'),)))

    assert b"content_block_start" in first
    assert b"input_json_delta" in more


def test_a_call_without_a_name_of_its_own_is_given_one():
    chunks = [Chunk(tools=(ToolPiece(index=0, name="t", arguments="{}"),))]
    block = put_together(shown([*chunks, Chunk(finish="stop")]))["content"][0]

    assert block["id"] == f"toolu_{CALL.id}_0"


def test_a_model_that_simply_stopped_after_a_call_wants_the_tool_called():
    piece = ToolPiece(index=0, id="a", name="t", arguments="{}")
    told = put_together(shown([Chunk(tools=(piece,)), Chunk(finish="stop")]))

    assert told["stop_reason"] == "tool_use"


def test_arguments_that_are_no_object_are_kept_as_they_were():
    piece = ToolPiece(index=0, id="a", name="t", arguments='{"x": ')
    told = json.loads(whole(CALL, [Chunk(tools=(piece,)), Chunk(finish="length")]))

    assert told["content"][0]["input"] == {"INVALID_JSON": '{"x": '}
    assert told["stop_reason"] == "max_tokens"


def test_an_answer_of_nothing_is_still_a_message():
    told = put_together(shown([Chunk(finish="stop")]))

    assert (told["content"], told["stop_reason"]) == ([], "end_turn")


def test_a_heartbeat_is_an_event_of_its_own():
    assert events_of(SPOKEN.heartbeat) == [{"type": "ping"}]


@given(
    st.builds(
        Usage,
        input_tokens=st.integers(300, 999),
        output_tokens=st.integers(0, 99),
        cached_tokens=st.integers(0, 99),
        cache_write_tokens=st.integers(100, 200),
        cache_write_1h_tokens=st.integers(0, 100),
        reasoning_tokens=st.integers(0, 9),
    )
)
def test_tokens_are_counted_both_ways_alike(usage):
    message = {"content": [], "stop_reason": "end_turn", "usage": usage_of(usage)}
    told = Answer(PLAIN).whole(json.dumps(message).encode())

    assert told.usage == usage


# What an upstream may say.


def event(data):
    return Answer(PLAIN).event("", data)


NAMES = ["type", "index", "message", "content_block", "delta", "usage", "error"]
NAMES += ["content", "stop_reason", "text", "input", "partial_json", "citation"]
NAMES += ["input_tokens", "output_tokens", "cache_creation", "model", "name"]
KINDS = ["message_start", "content_block_start", "content_block_delta", "text"]
KINDS += ["content_block_stop", "message_delta", "message_stop", "error", "tool_use"]
KINDS += ["text_delta", "input_json_delta", "citations_delta"]
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(KINDS)


def objects(inner):
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)


JSON = st.recursive(ODD, lambda inner: st.lists(inner, max_size=2) | objects(inner))


@given(objects(JSON), st.sampled_from(KINDS))
@settings(max_examples=60)
def test_no_json_is_worse_than_a_provider_error(value, kind):
    data = msgspec.json.encode(value | {"type": kind})
    for reader in (Answer(PLAIN).whole, event):
        try:
            reader(data)
        except ProviderError as error:
            assert error.message


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_worse_than_a_provider_error(data):
    for reader in (Answer(PLAIN).whole, event):
        with pytest.raises(ProviderError):
            reader(data)


def test_no_nesting_is_too_deep():
    for reader in (Answer(PLAIN).whole, event):
        with pytest.raises(ProviderError):
            reader(b'{"type": "x", "content": [{"input": %b' % (b"[" * 100_000))


def test_an_event_name_cannot_smuggle_a_line():
    chunk = event(json.dumps({"type": "x\n\ndata: {}"}).encode())

    assert chunk.raw.startswith(b"event: unknown\n")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("something_new", "stop"),
    ],
)
def test_each_stop_reason_has_a_word_of_ours(reason, finish):
    body = {"content": [], "stop_reason": reason}

    assert Answer(PLAIN).whole(json.dumps(body).encode()).finish == finish


def test_a_later_count_replaces_an_earlier_and_null_does_not():
    reader = Answer(PLAIN)
    start = {"usage": {"input_tokens": 5, "output_tokens": 1}}
    told = [
        {"type": "message_start", "message": start},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 9, "input_tokens": None},
        },
        {"type": "message_stop"},
    ]
    chunks = [reader.event("", json.dumps(e).encode()) for e in told]

    assert chunks[-1].usage == Usage(input_tokens=5, output_tokens=9)
    assert [c.usage for c in chunks[:-1]] == [None] * 3


def test_message_stop_without_a_reason_is_no_end():
    with pytest.raises(Truncated):
        event(b'{"type": "message_stop"}')


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (Overloaded("x"), "overloaded_error"),
        (Unavailable("x", upstream_status=529), "overloaded_error"),
        (Unavailable("x", upstream_status=500), "api_error"),
        (BudgetExhausted("x"), "billing_error"),
        (TimedOut("x"), "timeout_error"),
    ],
)
def test_an_error_has_the_dialects_word_and_ours(error, word):
    told = body_of(error, "call-1")

    assert (told["type"], told["error"]["type"]) == ("error", word)
    assert told["error"]["details"] == {"error_code": error.code}
    assert told["request_id"] == "call-1"


@pytest.mark.parametrize(
    "delta",
    [
        None,
        {},
        {"type": 1},
        {"type": "text_delta"},
        {"type": "text_delta", "text": None},
        {"type": "thinking_delta", "text": "a"},
        {"type": "input_json_delta", "partial_json": {}},
    ],
)
def test_a_delta_without_what_it_promises_is_an_error(delta):
    """Pain 9: a piece of the answer that cannot be read is not left out."""
    fields = {"type": "content_block_delta", "index": 0, "delta": delta}

    with pytest.raises(ProviderError, match="not one of the Messages API"):
        event(json.dumps(fields).encode())


def test_a_delta_of_a_later_time_is_passed_on_and_tells_us_nothing():
    fields = {"type": "content_block_delta", "delta": {"type": "dance_delta"}}

    chunk = event(json.dumps(fields).encode())

    assert chunk == Chunk(raw=chunk.raw, dialect="anthropic")
    assert b"dance_delta" in chunk.raw
