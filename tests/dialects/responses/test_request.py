"""What is asked in the Responses API, read, and written again."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.dialects.openai.write_request import write as write_chat
from roadbed.dialects.responses import SPOKEN, WRITTEN
from roadbed.dialects.responses.parse_request import conversation
from roadbed.inference.chat import raw_fields
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Output,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

WORDS = st.text(max_size=6)
TEXTS = st.builds(Text, text=WORDS)
IMAGES = st.builds(
    Image, url=st.just("https://example.org/a.png"), detail=st.just("low")
) | st.builds(
    Image, media_type=st.just("image/png"), data=st.just("aaaa"), detail=st.just("auto")
)
USES = st.builds(ToolUse, id=WORDS, name=WORDS, arguments=st.just('{"a": 1}'))
THOUGHTS = st.builds(Thinking, text=WORDS, signature=WORDS)
RESULTS = st.builds(
    ToolResult, id=WORDS, parts=st.lists(IMAGES, min_size=1, max_size=2).map(tuple)
) | st.builds(ToolResult, id=WORDS, parts=TEXTS.map(lambda part: (part,)))


def turns(role, parts):
    found = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return found.map(lambda p: Turn(role=role, parts=p))


USER = turns("user", TEXTS | IMAGES)
TOOLED = turns("user", RESULTS)
ASSISTANT = turns("assistant", TEXTS | USES | THOUGHTS)
EXCHANGES = st.lists(st.tuples(USER | TOOLED, ASSISTANT), min_size=1, max_size=3)
SPEECH = EXCHANGES.map(lambda pairs: tuple(turn for pair in pairs for turn in pair))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
CONVERSATIONS = st.builds(
    Conversation,
    turns=SPEECH,
    tools=st.lists(
        st.builds(
            Tool,
            name=st.text("ab", min_size=1, max_size=3),
            description=WORDS,
            schema=st.just(SCHEMA),
            strict=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    choice=st.none()
    | st.builds(ToolChoice, mode=st.sampled_from(["auto", "required", "none"]))
    | st.builds(ToolChoice, mode=st.just("named"), name=WORDS, parallel=st.booleans()),
    output=st.none()
    | st.just(Output())
    | st.builds(
        Output,
        schema=st.just(SCHEMA),
        name=st.just("n"),
        description=WORDS,
        strict=st.booleans(),
    ),
    max_tokens=st.none() | st.integers(1, 9),
    temperature=st.none() | st.sampled_from([0.0, 0.5]),
    top_p=st.none() | st.just(0.5),
    effort=st.sampled_from(["", "low", "high"]),
    user=WORDS,
)


@given(CONVERSATIONS)
@settings(max_examples=100, deadline=None)
def test_a_conversation_is_read_as_it_was_written(asked):
    assert conversation(WRITTEN.write(asked)) == asked


def read(**fields):
    body = {"model": "example", "input": "hi"} | fields
    return SPOKEN.read(msgspec.json.encode(body))[1]


def test_a_text_is_a_turn_of_the_user_after_the_instructions():
    asked = read(instructions="be brief").conversation()

    assert [(t.role, t.parts[0].text) for t in asked.turns] == [
        ("system", "be brief"),
        ("user", "hi"),
    ]
    assert read().question() == "hi"


def test_what_was_said_thought_and_called_in_a_row_is_one_turn():
    called = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "4"}
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "look"}]},
        called,
        called | {"call_id": "d"},
        result,
        result | {"call_id": "d"},
        {"role": "user", "content": "and?"},
        {"role": "user", "content": "well?"},
    ]

    turns_read = read(input=items).conversation().turns

    assert [len(t.parts) for t in turns_read] == [1, 4, 2, 1, 1]
    chat = msgspec.json.decode(write_chat(Conversation(turns=turns_read))["messages"])
    assert [m["role"] for m in chat] == ["user", "assistant", "tool", "tool"] + [
        "user"
    ] * 2


STATE = {
    "previous_response_id": "resp_1",
    "conversation": "conv_1",
    "prompt": {"id": "pmpt_1"},
    "store": True,
}


@pytest.mark.parametrize("name", sorted(STATE))
def test_what_needs_a_server_that_keeps_answers_is_refused_by_name(name):
    request = read(**{name: STATE[name]})

    with pytest.raises(Invalid, match=name) as told:
        request.conversation()
    assert told.value.problems[0].field == name
    assert told.value.hint


def test_a_background_answer_is_refused_unless_it_is_streamed():
    with pytest.raises(Invalid, match="background"):
        read(background=True)
    with pytest.raises(Invalid, match="background"):
        read(background=True, stream=True).conversation()


ODD = [
    ("tools", [{"type": "web_search"}], "web_search"),
    ("tools", [{"type": "function"}], "has a name"),
    ("tool_choice", {"type": "mcp"}, "tool_choice"),
    (
        "tool_choice",
        {"type": "allowed_tools", "mode": "auto", "tools": [{}]},
        "by name",
    ),
    ("input", [{"id": "item_1"}], "item_reference"),
    ("input", [{"type": "computer_call"}], "computer_call"),
    ("input", [{"role": "robot", "content": "x"}], "robot"),
    ("input", [{"role": "user", "content": 7}], "list of parts"),
    ("input", [{"role": "user", "content": [7]}], "is a part"),
    ("input", [{"role": "user", "content": [{"type": "input_file"}]}], "input_file"),
    (
        "input",
        [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
        "file_id",
    ),
    ("input", [{"type": "function_call", "call_id": "c"}], "name is a text"),
    ("text", {"format": {"type": "xml"}}, "xml"),
    ("text", {"format": {"type": "json_schema"}}, "needs a schema"),
    ("reasoning", {"effort": 7}, "reasoning"),
    ("max_output_tokens", "many", "max_output_tokens"),
]


@pytest.mark.parametrize(("name", "value", "said"), ODD)
def test_what_cannot_be_said_is_refused_with_its_place(name, value, said):
    with pytest.raises(Invalid, match=said) as told:
        read(**{name: value}).conversation()

    assert told.value.problems[0].field.startswith(name)


@pytest.mark.parametrize("value", [None, 7, [], "", [7], {}])
def test_an_input_that_is_none_is_refused_at_once(value):
    with pytest.raises(Invalid, match="input"):
        read(input=value)


def test_only_the_tools_that_are_allowed_are_offered():
    tools = [{"type": "function", "name": n} for n in ("a", "b")]
    only = [{"type": "function", "name": "b"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": only}

    asked = read(tools=tools, tool_choice=choice).conversation()

    assert [t.name for t in asked.tools] == ["b"]
    assert asked.choice.mode == "required"


def test_fields_without_a_place_are_listed():
    asked = read(truncation="auto", text={"verbosity": "low"}, include=[])

    assert asked.conversation().unsaid == ("include", "text.verbosity", "truncation")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_worse_than_invalid(data):
    try:
        SPOKEN.read(data)[1].conversation()
    except Invalid as error:
        assert error.message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "name", "output", "summary", "id"]
            ),
            inner | st.sampled_from(["message", "function_call_output", "input_image"]),
            max_size=3,
        )
    ),
)
FIELDS = [
    "input", "instructions", "tools", "tool_choice", "text", "reasoning", "stream",
    "temperature", "previous_response_id", "store", "user",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_json_is_worse_than_invalid(fields):
    try:
        read(**fields).conversation()
    except Invalid as error:
        assert error.message


def test_a_prompt_stands_before_the_instructions():
    bare = WRITTEN.prepend(raw_fields({}), "You are kind.")
    both = WRITTEN.prepend(raw_fields({"instructions": "Be brief."}), "You are kind.")

    assert msgspec.json.decode(bare["instructions"]) == "You are kind."
    assert msgspec.json.decode(both["instructions"]) == "You are kind.\n\nBe brief."


def test_parameters_pinned_for_chats_are_said_in_these_words():
    shape = {"name": "n", "schema": SCHEMA}
    pinned = {
        "temperature": 0.0,
        "max_completion_tokens": 9,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": shape},
    }

    said = {
        k: msgspec.json.decode(v) for k, v in WRITTEN.pins(raw_fields(pinned)).items()
    }

    assert said == {
        "temperature": 0.0,
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", **shape}},
    }
    with pytest.raises(Invalid, match="seed"):
        WRITTEN.pins(raw_fields({"seed": 7}))


def test_stop_sequences_cannot_be_said():
    with pytest.raises(Invalid, match="stop"):
        WRITTEN.write(Conversation(turns=(), stop=("x",)))
