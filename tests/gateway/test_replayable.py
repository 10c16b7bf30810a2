"""A call on record becomes a line that gives the same answer to the same question."""

import json

import msgspec
import pytest

from roadbed.dialects.openai import SPOKEN
from roadbed.gateway.calls import Found
from roadbed.gateway.replayable import replayable
from roadbed.inference.asking import asked_of, key_of
from roadbed.inference.record import Payload
from roadbed.inference.recorded import RecordedCall, line_of
from tests.gateway.test_spans import a_record

BODY = {"model": "support", "messages": [{"role": "user", "content": "caf\u00e9?"}]}
ANSWER = {
    "status": "ok",
    "text": "yes",
    "finish": "tool_calls",
    "tool_calls": [{"id": "c1", "name": "f", "arguments": '{"a": 1}'}],
    "annotations": [{"type": "url_citation"}],
}


def found(request=BODY, response=ANSWER, **fields):
    record = a_record(
        **({"input_tokens": 3, "output_tokens": 1, "served": "gpt-x"} | fields)
    )
    payload = Payload(
        call_id=record.call_id,
        ts=record.ts,
        tenant="default",
        endpoint="support",
        salt="",
        request=request if isinstance(request, str) else json.dumps(request),
        response=response if isinstance(response, str) else json.dumps(response),
    )
    return Found(record=record, payload=payload)


def test_a_line_holds_question_answer_and_usage():
    call = replayable(found(), SPOKEN.read)
    line = line_of(call)
    back = msgspec.json.decode(line, type=RecordedCall)
    _, request = SPOKEN.read(json.dumps(BODY | {"stream": True}).encode())

    assert back == call
    assert line.count(b"\n") == 1
    assert key_of(back.asked) == key_of(asked_of(request.conversation()))
    assert (back.call, back.endpoint) == ("local-1", "support")
    answer = back.answer
    assert (answer.text, answer.finish, answer.served) == ("yes", "tool_calls", "gpt-x")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 1)
    assert answer.tool_calls[0].arguments == '{"a": 1}'
    assert answer.annotations == [{"type": "url_citation"}]


@pytest.mark.parametrize(
    "odd",
    [
        found(status="truncated"),
        found(kind="predict"),
        found(request="not json"),
        found(request={"model": "support"}),
        found(response="[]"),
        found(response={"text": 5}),
        Found(record=a_record()),
    ],
)
def test_what_cannot_be_replayed_is_left_out(odd):
    assert replayable(odd, SPOKEN.read) is None


def test_what_nobody_counted_is_not_counted_now():
    counted = replayable(found(input_tokens=0, output_tokens=0), SPOKEN.read)

    assert counted.answer.usage is None
