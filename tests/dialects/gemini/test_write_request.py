"""What Gemini is asked."""

import json
from itertools import pairwise

import pytest
from google.genai import types
from hypothesis import given, settings

from roadbed.core.errors import Invalid
from roadbed.dialects.gemini import BY_BUDGET, WRITTEN
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

TOOLS = (Tool(name="look_up", description="Looks", schema={"type": "object"}),)


def written(asked, how=WRITTEN):
    return {k: json.loads(bytes(v)) for k, v in how.write(asked).items()}


def turn(role, *parts):
    return Turn(
        role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts)
    )


def asked(*turns, **more):
    return Conversation(turns=turns or (turn("user", "hi"),), **more)


@settings(max_examples=20)
@given(conversations())
def test_googles_own_types_accept_every_conversation(conversation):
    fields = written(conversation)

    for content in fields["contents"]:
        read = types.Content.model_validate(content)
        assert read.role in ("user", "model")
    types.Content.model_validate(fields.get("systemInstruction", {}))
    types.GenerationConfig.model_validate(fields["generationConfig"])
    for tool in fields["tools"]:
        assert types.Tool.model_validate(tool).function_declarations


@settings(max_examples=20)
@given(conversations())
def test_sides_alternate_and_nothing_is_lost(conversation):
    contents = written(conversation)["contents"]

    parts = [part for content in contents for part in content["parts"]]
    uses = [p for t in conversation.turns for p in t.parts if isinstance(p, ToolUse)]
    calls = [p["functionCall"] for p in parts if "functionCall" in p]
    answers = [p["functionResponse"] for p in parts if "functionResponse" in p]
    roles = [content["role"] for content in contents]
    assert all(a != b for a, b in pairwise(roles))
    assert [c["args"] for c in calls] == [json.loads(u.arguments) for u in uses]
    assert [a["name"] for a in answers] == [u.name for u in uses]


def test_the_result_of_a_tool_is_matched_to_its_call_by_name():
    use = ToolUse(id="call_roadbed_1", name="look_up", arguments='{"a":1.50}')
    result = ToolResult(id="call_roadbed_1", parts=(Text(text="found"),))
    failed = ToolResult(id="toolu_9", parts=(Text(text="gone"),), failed=True)
    other = ToolUse(id="toolu_9", name="send", arguments="")

    _, model, user = written(
        asked(
            turn("user", "hi"),
            turn("assistant", use, other),
            turn("user", result, failed),
        )
    )["contents"]

    assert [part["functionCall"] for part in model["parts"]] == [
        {"name": "look_up", "args": {"a": 1.5}},
        {"id": "toolu_9", "name": "send", "args": {}},
    ]
    assert [part["functionResponse"] for part in user["parts"]] == [
        {"name": "look_up", "response": {"output": "found"}},
        {"id": "toolu_9", "name": "send", "response": {"error": "gone"}},
    ]


def test_arguments_go_up_as_they_were_written_and_bad_ones_inside_an_object():
    good = ToolUse(id="1", name="look_up", arguments='{"a": 1.50,  "b":[]}')
    bad = ToolUse(id="2", name="look_up", arguments='{"a": ')

    raw = bytes(WRITTEN.write(asked(turn("assistant", good, bad)))["contents"])

    assert b'{"a": 1.50,  "b":[]}' in raw
    assert json.loads(raw)[0]["parts"][1]["functionCall"]["args"] == {
        "INVALID_JSON": '{"a": '
    }


def test_a_signature_of_geminis_goes_back_and_another_providers_does_not():
    use = ToolUse(id="1", name="look_up", arguments="{}")
    ours = Thinking(text="Hm.", signature=marked_gemini("c2ln"))
    theirs = Thinking(text="Hm.", signature="anthropics")

    signed, unsigned = (
        written(asked(turn("assistant", thought, use)))["contents"][0]["parts"]
        for thought in (ours, theirs)
    )

    assert [part["thoughtSignature"] for part in signed] == ["c2ln"]
    assert [p["thoughtSignature"] for p in unsigned] == [
        "skip_thought_signature_validator"
    ]


def test_pictures_are_bytes_or_an_address():
    data = Image(media_type="image/webp", data="AAAA")
    url = Image(url="https://x.example/a/cat.JPG?x=1")

    _, *parts = written(asked(turn("user", "look", data, url)))["contents"][0]["parts"]

    address = {"mimeType": "image/jpeg", "fileUri": url.url}
    assert parts == [
        {"inlineData": {"mimeType": "image/webp", "data": "AAAA"}},
        {"fileData": address},
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice(), {"mode": "AUTO"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="none", parallel=False), {"mode": "NONE"}),
        (
            ToolChoice(mode="named", name="look_up"),
            {"mode": "ANY", "allowedFunctionNames": ["look_up"]},
        ),
    ],
)
def test_a_choice_among_tools_is_kept(choice, config):
    fields = written(asked(tools=TOOLS, choice=choice))

    assert fields["toolConfig"] == {"functionCallingConfig": config}


def test_an_answer_in_a_shape_is_asked_for_by_its_json_schema():
    schema = {"type": "object", "$defs": {"x": {}}, "additionalProperties": False}

    shaped = written(asked(output=Output(schema=schema)))["generationConfig"]
    free = written(asked(output=Output()))["generationConfig"]

    assert free == {"responseMimeType": "application/json"}
    assert shaped == free | {"responseJsonSchema": schema}


@pytest.mark.parametrize(
    ("effort", "level", "budget"),
    [("none", "minimal", 0), ("low", "low", 1024), ("high", "high", 24576)],
)
def test_the_effort_is_a_level_or_a_budget(effort, level, budget):
    levels, budgets = (
        written(asked(effort=effort), how)["generationConfig"]["thinkingConfig"]
        for how in (WRITTEN, BY_BUDGET)
    )

    assert (levels, budgets) == ({"thinkingLevel": level}, {"thinkingBudget": budget})


def test_a_prompt_stands_before_what_the_system_says():
    fields = WRITTEN.write(asked(turn("system", "Be brief."), turn("user", "hi")))

    both = WRITTEN.prepend(fields, "Be kind.")["systemInstruction"]

    assert json.loads(bytes(both)) == {
        "parts": [{"text": "Be kind."}, {"text": "Be brief."}]
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (asked(turn("system", "x")), "message of the user"),
        (asked(turn("user", "")), "message of the user"),
        (asked(tools=TOOLS, choice=ToolChoice(parallel=False)), "several tools"),
        (asked(turn("user", ToolResult(id="", parts=()))), "which call"),
    ],
)
def test_what_has_no_words_is_refused(bad, reason):
    with pytest.raises(Invalid, match=reason):
        WRITTEN.write(bad)
