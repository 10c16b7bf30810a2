"""What Bedrock is asked."""

import base64
import json

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings

from roadbed.core.errors import Invalid
from roadbed.dialects.bedrock import WRITTEN
from roadbed.dialects.signatures import marked_gemini
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
from tests.dialects.pairs import conversations

TOOLS = (Tool(name="look_up", schema={"type": "object"}, strict=True),)
USE = ToolUse(id="call_1", name="look_up", arguments='{"a":1}')
RESULT = ToolResult(id="call_1", parts=(Text(text="found"),))


def written(asked):
    return {k: json.loads(bytes(v)) for k, v in WRITTEN.write(asked).items()}


def turn(role, *parts):
    return Turn(
        role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts)
    )


def asked(*turns, **more):
    return Conversation(turns=turns or (turn("user", "hi"),), **more)


@pytest.fixture(scope="module")
def shape():
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return model.operation_model("Converse").input_shape


def valid(fields, shape):
    """Return what botocore says of *fields*; pictures are bytes to it, not base64."""
    for message in fields["messages"]:
        for block in message["content"]:
            if "image" in block:
                source = block["image"]["source"]
                source["bytes"] = base64.b64decode(source["bytes"])
    return (
        ParamValidator().validate({"modelId": "m", **fields}, shape).generate_report()
    )


@settings(max_examples=20)
@given(conversation=conversations())
def test_awss_own_model_accepts_every_conversation(conversation, shape):
    assert valid(written(conversation), shape) == ""


def test_awss_own_model_accepts_all_that_can_be_said(shape):
    everything = asked(
        turn("system", "Be brief."),
        turn("user", "look", Image(media_type="image/png", data="AAAA")),
        turn("assistant", Thinking(text="Hm.", signature="c2ln"), "I look.", USE),
        turn("user", RESULT, ToolResult(id="call_1", parts=(), failed=True)),
        tools=TOOLS,
        choice=ToolChoice(mode="named", name="look_up"),
        output=Output(schema={"type": "object"}, name="shape"),
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        top_k=3,
        stop=("x",),
        effort="high",
    )

    fields = written(everything)

    assert valid(fields, shape) == ""
    assert fields["outputConfig"]["effort"] == "high"
    assert fields["toolConfig"]["toolChoice"] == {"tool": {"name": "look_up"}}
    assert fields["additionalModelRequestFields"] == {"top_k": 3}
    assert fields["inferenceConfig"]["temperature"] == 0.0


def test_turns_alternate_and_empty_ones_are_left_out():
    other = ToolResult(id="call_2", parts=(Text(text=""), Text(text="too")))

    turns = [turn("user", "hi"), turn("user", ""), turn("assistant", USE)]
    turns += [turn("user", RESULT), turn("user", other)]
    turns.append(turn("assistant", Thinking(text="?")))

    messages = written(asked(*turns))["messages"]

    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [b["toolResult"]["content"] for b in messages[2]["content"]] == [
        [{"text": "found"}],
        [{"text": "too"}],
    ]


@pytest.mark.parametrize("identity", ["", "call_1|fc_2", "x" * 80, "ü"])
def test_an_odd_id_is_replaced_on_both_sides_alike(identity):
    use = ToolUse(id=identity, name="look_up", arguments="{}")
    result = ToolResult(id=identity, parts=())

    one, two = written(asked(turn("assistant", use), turn("user", result)))["messages"]

    made = one["content"][0]["toolUse"]["toolUseId"]
    assert made == two["content"][0]["toolResult"]["toolUseId"]
    assert len(made) <= 64
    assert made.isascii()


def test_a_thought_goes_back_only_with_a_proof_that_is_not_geminis():
    thoughts = [
        Thinking(text=s, signature=s) for s in ("", "c2ln", marked_gemini("c2ln"))
    ]

    (message,) = written(asked(turn("assistant", *thoughts, "Yes.")))["messages"]

    texts = [b["reasoningContent"] for b in message["content"] if "text" not in b]
    assert texts == [{"reasoningText": {"text": "c2ln", "signature": "c2ln"}}]


def test_tools_that_were_called_before_are_declared_again():
    config = written(asked(turn("assistant", USE), turn("user", RESULT)))["toolConfig"]

    spec = {"name": "look_up", "inputSchema": {"json": {"type": "object"}}}
    assert config == {"tools": [{"toolSpec": spec}]}


def test_forbidden_tools_are_not_declared():
    assert "toolConfig" not in written(
        asked(tools=TOOLS, choice=ToolChoice(mode="none"))
    )


def test_a_picture_in_s3_is_named():
    picture = Image(url="s3://bucket/cat.jpg")

    (message,) = written(asked(turn("user", picture)))["messages"]

    source = {"s3Location": {"uri": "s3://bucket/cat.jpg"}}
    assert message["content"] == [{"image": {"format": "jpeg", "source": source}}]


def test_a_prompt_stands_before_what_the_system_says():
    fields = WRITTEN.write(asked(turn("system", "Be brief."), turn("user", "hi")))

    both = json.loads(bytes(WRITTEN.prepend(fields, "Be kind.")["system"]))

    assert both == [{"text": "Be kind."}, {"text": "Be brief."}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (asked(turn("system", "x")), "message of the user"),
        (asked(tools=TOOLS, choice=ToolChoice(parallel=False)), "several tools"),
        (asked(turn("assistant", USE), choice=ToolChoice(mode="none")), "no tool"),
        (asked(output=Output()), "schema"),
        (asked(turn("user", Image(url="https://x.example/a.png"))), "address"),
        (asked(turn("user", Image(media_type="image/tiff", data="AA"))), "tiff"),
    ],
)
def test_what_has_no_words_is_refused(bad, reason):
    with pytest.raises(Invalid, match=reason):
        WRITTEN.write(bad)
