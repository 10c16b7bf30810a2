"""The gemini provider, against a fake that Google's own client understands."""

import json

import pytest
from google import genai
from google.genai import types

from roadbed.adapters.providers import gemini
from roadbed.core.errors import (
    Invalid,
)
from roadbed.inference.call import Usage
from roadbed.testing.provider_contract import ProviderContract, chat_request
from tests.adapters.providers.clouds import MISBEHAVIOURS, TOOLS, Cloud, said
from tests.adapters.providers.speaks_gemini import KEY, MODEL, Gemini
from tests.adapters.providers.wire import Wire

CLOUD = Cloud(gemini, MODEL, {"KEY": KEY}, api_key="secret://env/KEY")
USAGE = Usage(input_tokens=7, output_tokens=8, cached_tokens=2, reasoning_tokens=3)


class TestGemini(ProviderContract):
    @pytest.fixture
    def working(self):
        with Wire(Gemini()) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["refuse", "500", "html-200", "malformed"])
    def broken(self, request):
        with Wire(Gemini(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["silent", "stall"])
    def silent(self, request):
        with Wire(Gemini(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["cut-clean", "no-end", "abort", "error-inside"])
    def cut(self, request):
        with Wire(Gemini(), request.param) as wire:
            yield CLOUD.opened(wire.url)


# The fake is honest: Google's client asks it, and understands it.


@pytest.fixture
def sdk():
    with Wire(Gemini()) as wire:
        options = types.HttpOptions(base_url=wire.url)
        yield genai.Client(api_key=KEY, http_options=options)


def test_googles_client_understands_the_fake(sdk):
    whole = sdk.models.generate_content(model=MODEL, contents="good day")
    stream = list(sdk.models.generate_content_stream(model=MODEL, contents="good day"))

    assert whole.text == "You said: good day" == "".join(c.text or "" for c in stream)
    assert stream[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert stream[-1].usage_metadata == whole.usage_metadata


def test_googles_client_finds_the_call_of_a_tool(sdk):
    tool = {"function_declarations": [{"name": "look_up", "description": "x"}]}

    whole = sdk.models.generate_content(
        model=MODEL, contents="it", config={"tools": [tool]}
    )

    assert whole.function_calls[0].args == {"text": "You said: it", "n": [1.5, None]}


@pytest.mark.parametrize("status", [400, 429, 503])
def test_googles_client_understands_how_the_fake_refuses(status):
    with Wire(Gemini(), str(status)) as wire:
        options = types.HttpOptions(base_url=wire.url)
        client = genai.Client(api_key=KEY, http_options=options)
        with pytest.raises(genai.errors.APIError) as raised:
            client.models.generate_content(model=MODEL, contents="a")

    assert (raised.value.code, raised.value.message) == (status, f"told as {status}")


# What goes up.


@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_the_key_is_in_a_header_and_never_in_the_address(version):
    with Wire(Gemini()) as wire:
        for stream in (False, True):
            CLOUD.ask(wire, chat_request("a", stream=stream), api_version=version)

    whole, stream = wire.requests
    assert whole.path == f"/{version}/models/{MODEL}:generateContent"
    assert stream.path == f"/{version}/models/{MODEL}:streamGenerateContent?alt=sse"
    for sent in wire.requests:
        headers = dict(sent.headers)
        assert headers.pop("x-goog-api-key") == KEY
        assert KEY not in f"{headers}{sent.body}{sent.path}"


def test_what_an_openai_caller_asks_is_put_into_geminis_words():
    request = chat_request(
        "hello", temperature=0.5, max_tokens=9, stop=["x"], reasoning_effort="low"
    )
    with Wire(Gemini()) as wire:
        CLOUD.ask(wire, request, hosted={"prompt": "Be kind."})

    assert wire.requests[0].json == {
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "stopSequences": ["x"],
            "thinkingConfig": {"thinkingBudget": 1024},
        },
    }


def test_newer_models_are_told_a_level_of_thinking():
    with Wire(Gemini()) as wire:
        hosted = {"upstream": "gemini-3-pro-preview-11-2025"}
        CLOUD.ask(wire, chat_request("a", reasoning_effort="high"), hosted=hosted)

    config = wire.requests[0].json["generationConfig"]
    assert config == {"thinkingConfig": {"thinkingLevel": "high"}}


def test_a_pin_inside_an_object_wins_and_leaves_the_rest_to_the_caller():
    hosted = {"parameters": {"generationConfig": {"temperature": 0}}}
    with Wire(Gemini()) as wire:
        CLOUD.ask(wire, chat_request("a", temperature=2, seed=7), hosted=hosted)

    assert wire.requests[0].json["generationConfig"] == {"temperature": 0, "seed": 7}


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"temperature": 0}, "stand in generationConfig"),
        ({"contents": []}, "contents"),
        ({"generationConfig": 7}, "object of parameters"),
    ],
)
def test_what_cannot_be_pinned_is_said_when_it_is_planned(parameters, reason):
    definition = CLOUD.version(parameters=parameters).definition

    assert reason in gemini.unfit(gemini.Config(), definition)


# What comes down.


@pytest.mark.parametrize("behaviour", ["well", "drip"])
def test_a_stream_says_what_a_whole_answer_says(behaviour):
    with Wire(Gemini(), behaviour) as wire:
        whole, stream = (
            CLOUD.ask(wire, chat_request("grüße 🚂 you", stream=s)) for s in (0, 1)
        )

    assert said(whole) == said(stream)
    assert said(whole) == ("You said: grüße 🚂 you", [], "stop", USAGE)
    assert whole[-1].served == MODEL


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_get_an_id_and_end_with_tool_calls(stream):
    with Wire(Gemini()) as wire:
        chunks = CLOUD.ask(wire, chat_request("it", stream=stream, tools=TOOLS))

    (piece,) = [p for c in chunks for p in c.tools]
    assert piece.id.startswith("call_")
    assert json.loads(piece.arguments) == {"text": "You said: it", "n": [1.5, None]}
    assert said(chunks)[2] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_no_usage_is_invented(stream):
    with Wire(Gemini(), "no-usage") as wire:
        chunks = CLOUD.ask(wire, chat_request("a", stream=stream))

    assert (chunks[-1].finish, said(chunks)[3]) == ("stop", None)


# What goes wrong.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("behaviour", "kind"), MISBEHAVIOURS)
def test_each_misbehaviour_has_its_error(behaviour, kind, stream):
    """A reset may overtake what was sent before it, on a busy machine."""
    with Wire(Gemini(), behaviour) as wire:
        error, _ = CLOUD.error(wire, chat_request("a", stream=stream))

    assert type(error) in kind


def test_a_rate_limit_says_how_long_to_wait_in_googles_way():
    with Wire(Gemini(), "429") as wire:
        error, _ = CLOUD.error(wire, chat_request("a"))

    assert error.retry_after_s == 34.5


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", ["well", "401", "echo-400", "500", "abort"])
def test_the_key_is_in_no_message_no_repr_and_no_log(behaviour, stream, caplog):
    caplog.set_level(0)
    with Wire(Gemini(), behaviour) as wire:
        _, told = CLOUD.error(wire, chat_request("a", stream=stream))

    assert len(wire.requests) == 1
    assert KEY not in told + caplog.text


def test_an_effort_without_a_name_is_the_callers_mistake():
    with Wire(Gemini()) as wire, pytest.raises(Invalid, match="effort"):
        CLOUD.ask(wire, chat_request("a", reasoning_effort="heroic"))


# Names.


@pytest.mark.parametrize(
    "name",
    ["gemini-2.0-flash-001", "gemini-2.5-flash-preview-09-2025", "tunedModels/mine-1"],
)
def test_a_numbered_name_is_a_pin(name):
    assert gemini.unpinned(gemini.Config(), name) is None


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "gemini-flash-latest", ""])
def test_a_floating_alias_is_named_with_a_way_out(name):
    declared = gemini.Config(pinning="declared")

    assert "pinning: declared" in gemini.unpinned(gemini.Config(), name)
    assert gemini.unpinned(declared, name) is None
