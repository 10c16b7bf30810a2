"""The bedrock provider, against an emulator that botocore's own client understands."""

import json
import subprocess
import sys

import botocore.session
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from roadbed.adapters.providers import bedrock
from roadbed.adapters.providers.bedrock.frames import BinaryFrames
from roadbed.adapters.providers.bedrock.signing import signed
from roadbed.core.errors import (
    Invalid,
    ProviderError,
)
from roadbed.core.secret import Bundle, Secret
from roadbed.inference.call import Usage
from roadbed.testing.provider_contract import ProviderContract, chat_request
from tests.adapters.providers.clouds import MISBEHAVIOURS, TOOLS, Cloud, said
from tests.adapters.providers.speaks_bedrock import (
    IDENTITY,
    MODEL,
    REGION,
    SECRET,
    TOKEN,
    Bedrock,
    event,
    exception,
    frame,
    signature_of,
)
from tests.adapters.providers.wire import Asked, Wire

PAIR = {
    "access_key_id": "secret://env/ID",
    "secret_access_key": "secret://env/SECRET",
    "session_token": "secret://env/TOKEN",
}
KEYS = {"ID": IDENTITY, "SECRET": SECRET, "TOKEN": TOKEN}
CLOUD = Cloud(bedrock, MODEL, KEYS, region=REGION, **PAIR)
USAGE = Usage(
    input_tokens=13,
    output_tokens=5,
    cached_tokens=2,
    cache_write_tokens=4,
    cache_write_1h_tokens=3,
)


class TestBedrock(ProviderContract):
    @pytest.fixture
    def working(self):
        with Wire(Bedrock()) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["refuse", "500", "html-200", "malformed"])
    def broken(self, request):
        with Wire(Bedrock(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["silent", "stall"])
    def silent(self, request):
        with Wire(Bedrock(), request.param) as wire:
            yield CLOUD.opened(wire.url)

    @pytest.fixture(params=["cut-clean", "no-end", "abort", "error-inside"])
    def cut(self, request):
        with Wire(Bedrock(), request.param) as wire:
            yield CLOUD.opened(wire.url)


# The emulator is honest: AWS's client asks it, and understands it.


def aws(url):
    session = botocore.session.get_session()
    session.set_credentials(IDENTITY, SECRET, TOKEN)
    config = ClientConfig(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    return session.create_client(
        "bedrock-runtime", REGION, endpoint_url=url, config=config
    )


ASKED = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "good day"}]}],
}


def test_awss_client_understands_the_emulator_and_signs_as_it_checks():
    with Wire(Bedrock()) as wire:
        client = aws(wire.url)
        whole = client.converse(**ASKED)
        events = list(client.converse_stream(**ASKED)["stream"])

    texts = [e["contentBlockDelta"] for e in events if "contentBlockDelta" in e]
    assert whole["output"]["message"]["content"] == [{"text": "You said: good day"}]
    assert "".join(t["delta"]["text"] for t in texts) == "You said: good day"
    assert [*events[-2].values()] == [{"stopReason": "end_turn"}]
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert all(signature_of(r) in r.headers["authorization"] for r in wire.requests)


def test_awss_client_understands_how_the_emulator_fails():
    with Wire(Bedrock(), "error-inside") as wire, pytest.raises(EventStreamError):
        list(aws(wire.url).converse_stream(**ASKED)["stream"])
    with Wire(Bedrock(), "429") as wire, pytest.raises(ClientError) as raised:
        aws(wire.url).converse(**ASKED)

    assert raised.value.response["Error"]["Code"] == "ThrottlingException"


# What goes up.


PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [MODEL, PROFILE])
def test_our_requests_are_signed_as_aws_checks_them(model, stream):
    with Wire(Bedrock()) as wire:
        CLOUD.ask(wire, chat_request("a", stream=stream), hosted={"upstream": model})
        client = aws(wire.url)
        ask = client.converse_stream if stream else client.converse
        ask(**ASKED | {"modelId": model})

    ours, theirs = wire.requests
    assert signature_of(ours) in ours.headers["authorization"]
    assert ours.headers["x-amz-security-token"] == TOKEN
    assert ours.path == theirs.path
    assert "%3A" in ours.path


def test_a_bedrock_key_is_sent_as_it_is():
    keys = {"KEY": "canary-bearer-1"}
    config = {"region": REGION, "api_key": "secret://env/KEY"}
    with Wire(Bedrock()) as wire:
        Cloud(bedrock, MODEL, keys, **config).ask(wire, chat_request("a"))

    assert wire.requests[0].headers["authorization"] == "Bearer canary-bearer-1"


def test_what_an_openai_caller_asks_is_put_into_converses_words():
    request = chat_request(
        "hello", temperature=0.5, max_tokens=9, stop=["x"], tools=TOOLS
    )
    with Wire(Bedrock()) as wire:
        CLOUD.ask(wire, request, hosted={"prompt": "Be kind."})

    spec = {"name": "look_up", "inputSchema": {"json": {"type": "object"}}}
    assert wire.requests[0].json == {
        "system": [{"text": "Be kind."}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["x"]},
        "toolConfig": {"tools": [{"toolSpec": spec}]},
    }


def test_a_pin_inside_an_object_wins_and_leaves_the_rest_to_the_caller():
    hosted = {"parameters": {"inferenceConfig": {"temperature": 0}}}
    with Wire(Bedrock()) as wire:
        CLOUD.ask(wire, chat_request("a", temperature=2, top_p=0.5), hosted=hosted)

    assert wire.requests[0].json["inferenceConfig"] == {"temperature": 0, "topP": 0.5}


@pytest.mark.parametrize("name", ["temperature", "messages", "modelId"])
def test_what_cannot_be_pinned_is_said_when_it_is_planned(name):
    definition = CLOUD.version(parameters={name: 0}).definition

    assert name in bedrock.unfit(bedrock.Config(region=REGION), definition)


# What comes down.


@pytest.mark.parametrize("behaviour", ["well", "drip"])
def test_a_stream_says_what_a_whole_answer_says(behaviour):
    with Wire(Bedrock(), behaviour) as wire:
        whole, stream = (
            CLOUD.ask(wire, chat_request("grüße 🚂 you", stream=s)) for s in (0, 1)
        )

    assert said(whole) == said(stream)
    assert said(whole) == ("You said: grüße 🚂 you", [], "stop", USAGE)


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_keep_their_arguments_to_the_byte(stream):
    with Wire(Bedrock()) as wire:
        chunks = CLOUD.ask(wire, chat_request("it", stream=stream, tools=TOOLS))

    written = json.dumps({"text": "You said: it", "n": [1.5, None]})
    assert said(chunks)[1:3] == ([("look_up", written)], "tool_calls")


@pytest.mark.parametrize("stream", [False, True])
def test_no_usage_is_invented(stream):
    with Wire(Bedrock(), "no-usage") as wire:
        chunks = CLOUD.ask(wire, chat_request("a", stream=stream))

    assert (chunks[-1].finish, said(chunks)[3]) == ("stop", None)


# What goes wrong.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("behaviour", "kind"), MISBEHAVIOURS)
def test_each_misbehaviour_has_its_error(behaviour, kind, stream):
    """A reset may overtake what was sent before it, on a busy machine."""
    with Wire(Bedrock(), behaviour) as wire:
        error, _ = CLOUD.error(wire, chat_request("a", stream=stream))

    assert type(error) in kind


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", ["well", "401", "echo-400", "500", "abort"])
def test_no_part_of_the_key_is_in_a_message_a_repr_or_a_log(behaviour, stream, caplog):
    caplog.set_level(0)
    with Wire(Bedrock(), behaviour) as wire:
        _, told = CLOUD.error(wire, chat_request("a", stream=stream))
        told += caplog.text

    assert len(wire.requests) == 1
    assert [key for key in (IDENTITY, SECRET, TOKEN) if key in told] == []


# Frames.


def test_an_exception_inside_a_stream_is_an_event_by_its_name():
    data = event("messageStop", stopReason="end_turn")
    data += exception("throttlingException", "slow down")
    data += frame(b"", message_type="error", error_code="x", error_message="gone")

    assert BinaryFrames().feed(data) == [
        ("messageStop", b'{"stopReason": "end_turn"}'),
        ("throttlingException", b'{"message": "slow down"}'),
        ("error", b'{"message":"gone"}'),
    ]


FRAMES = [event("contentBlockDelta", delta={"text": t}) for t in ("a", "bß", "")]


@given(st.lists(st.integers(0, len(b"".join(FRAMES))), max_size=6).map(sorted))
def test_frames_survive_any_cut_of_the_network(cuts):
    data, frames = b"".join(FRAMES), BinaryFrames()
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    events = [event for piece in pieces for event in frames.feed(piece)]

    assert events == BinaryFrames().feed(data)
    assert len(events) == 3


@given(st.integers(0, len(FRAMES[1]) * 8 - 1))
def test_one_bit_that_flipped_is_an_error_or_waits_for_more(bit):
    spoiled = bytearray(FRAMES[1])
    spoiled[bit // 8] ^= 1 << bit % 8

    try:
        events = BinaryFrames().feed(bytes(spoiled))
    except ProviderError as error:
        assert "damaged" in error.message
    else:
        assert events == []


@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_a_provider_error(data):
    try:
        assert BinaryFrames().feed(data) == []
    except ProviderError as error:
        assert "damaged" in error.message


# Signatures.

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
PIECE = st.text("abcXYZ019-._:/+ ~", max_size=20).map("x".__add__)


@given(body=st.binary(max_size=100), model=PIECE, token=st.none() | TEXT)
@settings(max_examples=30)
def test_every_signature_is_what_the_specification_says(body, model, token):
    config = bedrock.Config(region=REGION, base_url="https://b.example", **PAIR)
    api = bedrock.api.BedrockApi(config)
    url = api.address(model, api.default, stream=True)
    parts = [Secret(v) for v in (IDENTITY, SECRET, token) if v]

    headers = api.headers(Bundle(*parts), url, body)

    seen = {k.lower(): v for k, v in headers.items()} | {"host": "b.example"}
    asked = Asked(url.removeprefix("https://b.example"), seen, body)
    assert signature_of(asked) in headers["Authorization"]
    assert SECRET not in str(headers)


def test_another_body_has_another_signature():
    key = Bundle(Secret(IDENTITY), Secret(SECRET))

    one, two = (signed(key, REGION, "https://b.example/x", b, {}) for b in (b"1", b"2"))

    assert one["Authorization"] != two["Authorization"]


# Settings and names.


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"region": "nowhere"},
        {"region": REGION, "access_key_id": "secret://env/ID"},
        {"region": REGION, "session_token": "secret://env/TOKEN"},
        {"region": REGION, "api_key": "secret://env/K", **PAIR},
        {"region": REGION, "secret_access_key": SECRET},
        {"region": f"{REGION}.evil.example/"},
    ],
)
def test_a_wrong_config_is_refused_without_repeating_it(config):
    with pytest.raises(ValidationError) as raised:
        bedrock.Config(**config)

    assert SECRET not in str(raised.value)


def test_the_address_is_that_of_the_region():
    config = bedrock.Config(region=REGION)

    assert config.base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    "name", [MODEL, f"eu.{MODEL}", "amazon.nova-pro-v1:0", PROFILE]
)
def test_a_version_is_a_pin(name):
    assert bedrock.unpinned(bedrock.Config(region=REGION), name) is None


@pytest.mark.parametrize("name", ["anthropic.claude-opus", "nova-pro:latest", ""])
def test_a_floating_alias_is_named_with_a_way_out(name):
    declared = bedrock.Config(region=REGION, pinning="declared")

    assert "declared" in bedrock.unpinned(bedrock.Config(region=REGION), name)
    assert bedrock.unpinned(declared, name) is None


def test_importing_the_provider_loads_neither_aws_nor_http():
    code = (
        "import sys, roadbed.adapters.providers.bedrock\n"
        "print({'aiohttp', 'botocore', 'boto3', 'yarl'} & set(sys.modules))"
    )

    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert told.stdout == "set()\n"


def test_a_picture_by_its_address_is_the_callers_mistake():
    part = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    request = chat_request("a", messages=[{"role": "user", "content": [part]}])
    with Wire(Bedrock()) as wire, pytest.raises(Invalid, match="by their address"):
        CLOUD.ask(wire, request)
