"""Whether an answer has the form that was asked for, in each dialect's words."""

import pytest

from roadbed.inference.call import Outcome
from roadbed.inference.chat import ChatRequest, raw_fields
from roadbed.inference.conversation import Conversation
from roadbed.rollouts.form import breaks_form
from roadbed.rollouts.steps import Assign
from tests.rollouts.test_tally import a_call, arm

SCHEMA = {"type": "object", "required": ["city"], "properties": {"city": {}}}
WORDS = [
    {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
    {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    {"output_format": {"type": "json_schema", "schema": SCHEMA}},
]
ANY = {"response_format": {"type": "json_object"}}


def asked(fields, **more):
    call = a_call(arm(), **more)
    call.request = ChatRequest(
        fields=raw_fields(fields), read=lambda _: Conversation(turns=())
    )
    return call


def said(text, **more):
    known = {"status": "ok", "finish": "stop", "text": [text]} | more
    return Outcome(**known)


@pytest.mark.parametrize("fields", WORDS, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ('{"city": "Bern", "more": 1}', False),
        (' {"city": null}\n', False),
        ('{"town": "Bern"}', True),
        ('["city"]', True),
        ('"city"', True),
        ('{"city": "Be', True),
        ("I cannot tell.", True),
        ("", True),
        ("\ud800", True),
    ],
)
def test_what_is_no_such_object_breaks_the_form(fields, text, broken):
    assert breaks_form(asked(fields), said(text)) is broken


@pytest.mark.parametrize(
    ("fields", "text", "broken"),
    [
        (ANY, "{}", False),
        (ANY, "[]", True),
        ({"text": {"format": {"type": "text"}}}, "no", False),
        ({"text": {"verbosity": "low"}}, "no", False),
        ({}, "no", False),
        ({"response_format": 7}, "no", False),
        ({"response_format": {"type": 7}}, "no", False),
        ({"response_format": {"type": "json_schema"}}, "[]", False),
        ({"response_format": {"type": "json_schema"}}, "no", True),
    ],
)
def test_only_what_was_asked_for_is_asked_for(fields, text, broken):
    assert breaks_form(asked(fields), said(text)) is broken


@pytest.mark.parametrize(
    "more",
    [
        {"status": "error"},
        {"finish": "length"},
        {"finish": "content_filter"},
        {"refused": True},
        {"tools": {0: ["", "", ""]}},
    ],
    ids=str,
)
def test_what_is_no_whole_answer_in_words_has_no_form(more):
    assert not breaks_form(asked(WORDS[0]), said("no", **more))


def test_a_flaw_is_noted_on_the_arm():
    call, plain = asked(WORDS[0]), asked({})

    Assign().finish(call, said("no"))
    Assign().finish(plain, said("no", refused=True))

    assert (call.arm.flaws, call.arm.unit) == ({"schema"}, 7)
    assert plain.arm.flaws == {"refused"}
