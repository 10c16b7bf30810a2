"""The azure provider, against an emulator that OpenAI's Azure client understands."""

import json

import openai
import pytest
from pydantic import ValidationError

from roadbed.adapters.providers import azure
from roadbed.core.errors import (
    Unavailable,
)
from roadbed.inference.call import Usage
from roadbed.testing.provider_contract import (
    ProviderContract,
    chat_request,
    finish_with,
    make_call,
)
from tests.adapters.providers.clouds import MISBEHAVIOURS, TOOLS, Cloud, said
from tests.adapters.providers.wire import Wire

KEY = "canary-azure-3f9a7c51e8d2"
MODEL = "gpt-4o-2024-08-06"
CLOUD = Cloud(azure, MODEL, {"KEY": KEY}, api_key="secret://env/KEY")
SAFE = {"hate": {"filtered": False, "severity": "safe"}}
ASKED = [{"role": "user", "content": "good day"}]


class Azure:
    """What Azure says: OpenAI's dialect, and what its filters thought."""

    stream_type = "text/event-stream"
    ending = 1

    def streams(self, asked):
        return bool(asked.json.get("stream"))

    def whole(self, asked, counted=True):
        filters = {"content_filter_results": SAFE}
        choice = {"message": {"role": "assistant", **_said(asked)}, **filters}
        body = _body([{"index": 0, "finish_reason": _finish(asked), **choice}])
        body["prompt_filter_results"] = [{"prompt_index": 0, **filters}]
        return json.dumps(body | ({"usage": USED} if counted else {})).encode()

    def frames(self, asked, counted=True):
        filters = {"content_filter_results": SAFE}
        first = {"prompt_index": 0, **filters}
        bodies = [_body([], id="", model="", prompt_filter_results=[first])]
        for delta in ({"role": "assistant", "content": ""}, *_deltas(asked)):
            choice = {"index": 0, "delta": delta, "finish_reason": None, **filters}
            bodies.append(_body([choice]))
        end = {"index": 0, "delta": {}, "finish_reason": _finish(asked), **filters}
        bodies.append(_body([end]))
        if counted:
            bodies.append(_body([], usage=USED))
        events = [json.dumps(body) for body in bodies]
        return [f"data: {event}\n\n".encode() for event in (*events, "[DONE]")]

    def failure(self, status, text):
        error = {"code": str(status), "message": text}
        body = json.dumps({"error": error}).encode()
        return {"content-type": "application/json", "retry-after": "7"}, body

    def broken(self):
        error = {"message": "overloaded", "type": "server_error", "code": "x"}
        return f"data: {json.dumps({'error': error})}\n\n".encode()

    def spoiled(self):
        return b'data: {"choices": nonsense}\n\n'


USED = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def _body(choices, **more):
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    return head | {"model": MODEL, "choices": choices} | more


def _text(asked):
    return f"You said: {asked.json['messages'][-1]['content']}"


def _finish(asked):
    return "tool_calls" if asked.json.get("tools") else "stop"


def _said(asked):
    if not asked.json.get("tools"):
        return {"content": _text(asked)}
    function = {"name": "look_up", "arguments": json.dumps({"text": _text(asked)})}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def _deltas(asked):
    if asked.json.get("tools"):
        (call,) = _said(asked)["tool_calls"]
        return [{"tool_calls": [{"index": 0, **call}]}]
    words = _text(asked).split(" ")
    return [{"content": f" {word}" if n else word} for n, word in enumerate(words)]


class TestAzure(ProviderContract):
    @pytest.fixture
    def working(self):
        with Wire(Azure()) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["refuse", "500", "html-200", "malformed"])
    def broken(self, request):
        with Wire(Azure(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["silent", "stall"])
    def silent(self, request):
        with Wire(Azure(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["cut-clean", "no-end", "abort", "error-inside"])
    def cut(self, request):
        with Wire(Azure(), request.param) as wire:
            yield CLOUD.opened(wire.url)


def test_openais_client_for_azure_understands_the_emulator():
    with Wire(Azure()) as wire:
        client = openai.AzureOpenAI(
            api_key=KEY, api_version="2024-10-21", azure_endpoint=wire.url
        )
        whole = client.chat.completions.create(model=MODEL, messages=ASKED)
        stream = client.chat.completions.create(
            model=MODEL, messages=ASKED, stream=True
        )
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)

    assert whole.choices[0].message.content == "You said: good day" == text


# What goes up.


@pytest.mark.parametrize(
    ("config", "path", "header"),
    [
        ({}, f"deployments/{MODEL}/chat/completions?api-version=2024-10-21", "api-key"),
        ({"api": "v1"}, "v1/chat/completions", "api-key"),
        ({"api": "v1", "auth": "bearer"}, "v1/chat/completions", "authorization"),
    ],
)
def test_a_deployment_is_reached_in_both_forms_and_the_key_is_in_one_header(
    config, path, header
):
    with Wire(Azure()) as wire:
        CLOUD.ask(wire, chat_request("a"), **config)

    (sent,) = wire.requests
    headers = dict(sent.headers)
    assert sent.path == f"/openai/{path}"
    assert headers.pop(header).removeprefix("Bearer ") == KEY
    assert KEY not in f"{headers}{sent.body}{sent.path}"
    assert sent.json["model"] == MODEL


def test_a_deployments_name_stays_inside_its_place_in_the_address():
    hosted = {"upstream": "../x?y=2024-08-06"}
    with Wire(Azure()) as wire:
        CLOUD.ask(wire, chat_request("a"), hosted=hosted)

    place = "..%2Fx%3Fy%3D2024-08-06"
    assert wire.requests[0].path.startswith(f"/openai/deployments/{place}/chat/")


# What comes down.


@pytest.mark.parametrize("behaviour", ["well", "drip"])
def test_a_stream_says_what_a_whole_answer_says(behaviour):
    with Wire(Azure(), behaviour) as wire:
        whole, stream = (
            CLOUD.ask(wire, chat_request("grüße you", stream=s)) for s in (False, True)
        )

    counted = Usage(input_tokens=7, output_tokens=5)
    assert said(whole) == said(stream)
    assert said(whole) == ("You said: grüße you", [], "stop", counted)


def test_what_the_filters_thought_is_passed_on_in_its_place():
    with Wire(Azure()) as wire:
        chunks = CLOUD.ask(wire, chat_request("a", stream=True))

    assert b"prompt_filter_results" in chunks[0].raw
    assert b"content_filter_results" in b"".join(c.raw for c in chunks)
    assert chunks[-1].raw == b"data: [DONE]\n\n"


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_pass_through(stream):
    with Wire(Azure()) as wire:
        chunks = CLOUD.ask(wire, chat_request("it", stream=stream, tools=TOOLS))

    assert said(chunks)[1] == [("look_up", '{"text": "You said: it"}')]


# What goes wrong.


def test_an_error_inside_a_200_comes_before_anything_was_shown():
    """The emulator says two events without a word, and then that it broke."""
    shown = []
    with Wire(Azure(), "error-inside") as wire:
        both = CLOUD.opened(wire.url)

        async def read():
            call = make_call(both.runner, chat_request("a", stream=True))
            async for chunk in both.runner.send(call):
                shown.append(chunk)

        with pytest.raises(Unavailable):
            finish_with(both, read())

    assert shown == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("behaviour", "kind"), MISBEHAVIOURS)
def test_each_misbehaviour_has_its_error(behaviour, kind, stream):
    """A reset may overtake what was sent before it, on a busy machine."""
    with Wire(Azure(), behaviour) as wire:
        error, _ = CLOUD.error(wire, chat_request("a", stream=stream))

    assert type(error) in kind


@pytest.mark.parametrize("auth", ["api-key", "bearer"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", ["well", "401", "echo-400", "500", "abort"])
def test_the_key_is_in_no_message_no_repr_and_no_log(behaviour, stream, auth, caplog):
    caplog.set_level(0)
    with Wire(Azure(), behaviour) as wire:
        _, told = CLOUD.error(wire, chat_request("a", stream=stream), auth=auth)

    assert len(wire.requests) == 1
    assert KEY not in told + caplog.text


# Settings and names.


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"base_url": "https://a.example", "api_version": "2024-10-21&x=1"},
        {"base_url": "https://a.example", "api": "v2"},
        {"base_url": f"https://a.example/?api-key={KEY}"},
        {"base_url": "https://a.example", "api_key": KEY},
    ],
)
def test_a_wrong_config_is_refused_without_repeating_it(config):
    with pytest.raises(ValidationError) as raised:
        azure.Config(**config)

    assert KEY not in str(raised.value)


SETTINGS = azure.Config(base_url="https://a.example")


@pytest.mark.parametrize("name", [MODEL, "bot-20240806", "2024-08-06"])
def test_a_dated_deployment_is_a_pin(name):
    assert azure.unpinned(SETTINGS, name) is None


@pytest.mark.parametrize("name", ["gpt-4o", "prod", "gpt-4o-2024-13-06", ""])
def test_a_deployment_that_may_be_upgraded_is_named_with_a_way_out(name):
    declared = SETTINGS.model_copy(update={"pinning": "declared"})

    assert "automatic upgrades" in azure.unpinned(SETTINGS, name)
    assert azure.unpinned(declared, name) is None


def test_what_cannot_be_sent_is_said_when_it_is_planned():
    definition = CLOUD.version(parameters={"messages": []}).definition

    assert "messages" in azure.unfit(SETTINGS, definition)
