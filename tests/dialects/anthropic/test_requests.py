"""What is asked in Anthropic's words means the same as in ours, both ways."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.dialects.anthropic.parse_request import conversation, read, read_count
from roadbed.dialects.anthropic.write_request import write
from roadbed.inference.chat import CountRequest, raw_fields
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

TEXT = st.text(alphabet='ab \n"\\é漢🙂', min_size=1, max_size=9)
NAME = st.text(alphabet="abcXYZ012_-", min_size=1, max_size=6)
PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
OBJECT = st.dictionaries(NAME, PLAIN, max_size=3)
TEXTS = st.builds(Text, text=TEXT)
IMAGES = st.builds(
    Image, media_type=st.just("image/png"), data=st.just("aGk=")
) | st.builds(Image, url=st.just("https://example.com/a.png"))
USES = st.builds(
    ToolUse,
    id=NAME,
    name=NAME,
    arguments=OBJECT.map(msgspec.json.encode).map(bytes.decode),
)
RESULTS = st.builds(
    ToolResult,
    id=NAME,
    parts=st.lists(TEXTS | IMAGES, max_size=3).map(tuple),
    failed=st.booleans(),
)
THOUGHTS = st.builds(Thinking, text=TEXT, signature=NAME)


def turns_of(role, parts):
    return st.builds(Turn, role=st.just(role), parts=parts.map(tuple))


USER = turns_of(
    "user",
    st.tuples(st.lists(RESULTS, max_size=2), st.lists(TEXTS | IMAGES, max_size=3))
    .map(lambda both: both[0] + both[1])
    .filter(bool),
)
ASSISTANT = turns_of(
    "assistant", st.lists(TEXTS | USES | THOUGHTS, min_size=1, max_size=3)
)
SYSTEM = st.none() | turns_of("system", st.tuples(TEXTS))
TOOLS = st.lists(
    st.builds(
        Tool,
        name=NAME,
        description=st.text(max_size=5),
        schema=OBJECT.map(lambda given: {"type": "object", "properties": given}),
        strict=st.none() | st.booleans(),
    ),
    max_size=2,
).map(tuple)
PARALLEL = st.none() | st.booleans()
CHOICES = (
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "required"]), parallel=PARALLEL)
    | st.builds(ToolChoice, mode=st.just("named"), name=NAME, parallel=PARALLEL)
    | st.just(ToolChoice(mode="none"))
)
OUTPUTS = st.none() | st.builds(Output, schema=OBJECT)
NUMBER = st.none() | st.floats(0, 1, allow_nan=False)


@st.composite
def conversations(draw):
    pairs = draw(st.lists(st.tuples(USER, ASSISTANT), max_size=2))
    turns = [turn for pair in pairs for turn in pair] + [draw(USER)]
    system = draw(SYSTEM)
    tools = draw(TOOLS)
    return Conversation(
        turns=tuple(([system] if system else []) + turns),
        tools=tools,
        choice=draw(st.none() | CHOICES) if tools else None,
        output=draw(OUTPUTS),
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        temperature=draw(NUMBER),
        top_p=draw(NUMBER),
        top_k=draw(st.none() | st.integers(1, 99)),
        stop=tuple(draw(st.lists(TEXT, max_size=2))),
        effort=draw(st.sampled_from(["", "none", "low", "medium", "high"])),
        user=draw(st.just("") | NAME),
    )


@given(conversations())
@settings(max_examples=40)
def test_what_is_written_is_read_as_the_same(asked):
    assert conversation(write(asked)) == asked


def asked(**fields):
    return {"model": "m", "max_tokens": 9, "messages": [message("hi")]} | fields


def message(content, role="user"):
    return {"role": role, "content": content}


def parsed(**fields):
    return conversation(raw_fields(asked(**fields)))


NAMES = [*asked(), "system", "tools", "tool_choice", "thinking", "metadata"]
NAMES += ["role", "content", "type", "text", "source", "input", "output_config"]
NAMES += ["tool_use_id", "id", "name", "input_schema", "stop_sequences", "container"]
KINDS = st.sampled_from(["text", "image", "tool_use", "tool_result", "user", "any"])
JSON = st.recursive(
    PLAIN | KINDS | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5), JSON)
@settings(max_examples=60)
def test_nothing_is_worse_than_invalid(fields, content):
    body = msgspec.json.encode(asked(messages=[message(content)]) | fields)
    for reader in (read, read_count):
        try:
            reader(body)[1].conversation()
        except Invalid as error:
            assert error.message


@given(st.binary(max_size=60))
def test_no_bytes_are_worse_than_invalid(data):
    with pytest.raises(Invalid):
        read(data)


@pytest.mark.parametrize(
    "name", ["messages", "system", "tools", "metadata", "thinking"]
)
def test_no_nesting_is_too_deep(name):
    fields = asked()
    fields.pop(name, None)
    deep = json.dumps(fields)[:-1].encode() + b', "%b": %b' % (
        name.encode(),
        b"[" * 9999,
    )
    nested = deep + b"]" * 9999 + b"}"

    with pytest.raises(Invalid):
        read(nested)[1].conversation()


def test_a_count_needs_no_max_tokens_and_an_answer_does():
    fields = asked()
    del fields["max_tokens"]
    body = json.dumps(fields).encode()

    assert isinstance(read_count(body)[1], CountRequest)
    with pytest.raises(Invalid, match="max_tokens"):
        read(body)


def test_a_system_prompt_of_blocks_and_one_among_the_messages():
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    found = parsed(system=blocks, messages=[message("hi"), message("c", "system")])

    assert found.system == "a\nb\n\nc"
    assert [t.role for t in found.turns] == ["system", "user", "system"]


def test_what_changes_nothing_is_named_and_left_out():
    marked = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    hidden = {"type": "redacted_thinking", "data": "x"}
    tool = {"name": "t", "input_schema": {}, "input_examples": [{}]}
    found = parsed(
        messages=[message([marked]), message([hidden], "assistant")],
        service_tier="auto",
        tools=[tool],
    )

    assert found.unsaid == (
        "cache_control",
        "input_examples",
        "redacted_thinking",
        "service_tier",
    )


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"mcp_servers": [{"name": "x"}]}, "mcp_servers"),
        ({"container": {"id": "c"}}, "container"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0]"),
        ({"tools": [{"name": "t"}]}, "tools[0]"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"messages": [message([{"type": "audio"}])]}, "messages[0].content[0]"),
        (
            {"messages": [message([{"type": "image", "source": {"type": "file"}}])]},
            "messages[0].content[0].source",
        ),
        (
            {"messages": [message([{"type": "server_tool_use", "id": "x"}])]},
            "messages[0].content[0]",
        ),
        ({"top_k": "many"}, "top_k"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(fields, where):
    with pytest.raises(Invalid) as raised:
        parsed(**fields)

    assert raised.value.problems[0].field == where


@pytest.mark.parametrize("name", ["mcp_servers", "container", "inference_geo"])
@pytest.mark.parametrize("nothing", [None, []])
def test_what_says_nothing_binds_nobody(name, nothing):
    assert parsed(**{name: nothing}).turns


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, ""),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, "high"),
        ({"output_config": {"effort": "max"}}, "high"),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}, "low"),
    ],
)
def test_how_hard_to_think_is_understood(fields, effort):
    assert parsed(**fields).effort == effort


def test_the_former_name_of_a_format_is_understood():
    shape = {"type": "json_schema", "schema": {"type": "object"}}

    assert (
        parsed(output_format=shape).output
        == parsed(output_config={"format": shape}).output
    )


# What only we may say.


def written(*turns, **fields):
    asked = write(Conversation(turns=turns, **fields))
    return json.loads(msgspec.json.encode(asked))


def turn(role, *parts):
    return Turn(role=role, parts=parts)


def test_results_of_tools_in_turns_of_their_own_become_one_message():
    found = written(
        turn("user", Text(text="hi")),
        turn("assistant", ToolUse(id="a", name="t", arguments="{}")),
        turn("user", Text(text="and?")),
        turn("user", ToolResult(id="a", parts=(Text(text="1"),))),
        turn("user", ToolResult(id="b", parts=())),
    )["messages"]

    assert [m["role"] for m in found] == ["user", "assistant", "user"]
    kinds = [b["type"] for b in found[2]["content"]]
    assert kinds == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("[" * 9999, {"INVALID_JSON": "[" * 9999}),
    ],
)
def test_arguments_become_an_object_whatever_they_are(arguments, given):
    use = ToolUse(id="a b.c", name="t", arguments=arguments)

    block = written(turn("assistant", use))["messages"][0]["content"][0]
    assert block == {"type": "tool_use", "id": "a_b_c", "name": "t", "input": given}


def test_empty_texts_and_unsigned_thoughts_are_not_sent():
    found = written(
        turn("user", Text(text="hi")),
        turn("assistant", Text(text=""), Thinking(text="hm")),
        turn("user", Text(text="there")),
    )["messages"]

    assert found[-1]["content"] == [{"type": "text", "text": "there"}]
    assert [m["role"] for m in found].count("assistant") == 0


def test_json_of_no_shape_is_refused_by_name():
    with pytest.raises(Invalid, match="json_schema"):
        written(turn("user", Text(text="hi")), output=Output())


def test_a_choice_without_tools_is_not_sent():
    assert "tool_choice" not in written(
        turn("user", Text(text="hi")), choice=ToolChoice(mode="none")
    )
