"""The upstream speaks each dialect as its own clients want it: the SDKs say so."""

import http.client
import json
import ssl
from contextlib import contextmanager

import boto3
import numpy as np
import pytest
import tritonclient.http as oip
from anthropic import Anthropic, APIStatusError
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai.errors import APIError
from openai import APIError as OpenAIError
from openai import OpenAI
from openresponses_types import ResponseResource

from roadbed.testing.upstream import BEHAVIOURS, SPEECHES, Upstream, speech_at

HELLO = [{"role": "user", "content": "hello there"}]
SAID = "You said: hello there"
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


@contextmanager
def openai(*behaviours):
    with (
        Upstream(*behaviours) as up,
        OpenAI(base_url=up.url, api_key="k-1", max_retries=0) as client,
    ):
        yield client


@contextmanager
def anthropic(*behaviours):
    with (
        Upstream(*behaviours) as up,
        Anthropic(base_url=up.origin, api_key="k-1", max_retries=0) as client,
    ):
        yield client


@contextmanager
def gemini(*behaviours):
    with Upstream(*behaviours) as up:
        client = genai.Client(api_key="k-1", http_options={"base_url": up.origin})
        yield client.models
        client.close()


@contextmanager
def bedrock(*behaviours):
    with Upstream(*behaviours) as up:
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            "bedrock-runtime",
            region_name="eu-west-1",
            endpoint_url=up.origin,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=config,
        )
        yield client
        client.close()


# Well.


def test_chat_is_what_its_sdk_reads():
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    with openai() as client:
        chat = client.chat.completions
        whole = chat.create(model="m", messages=HELLO)
        with chat.stream(model="m", messages=HELLO) as stream:
            final = stream.get_final_completion()
        with chat.stream(model="m", messages=HELLO, tools=tools) as stream:
            called = stream.get_final_completion().choices[0]

    assert whole.choices[0].message.content == SAID
    assert final.choices[0].message.content == SAID
    assert whole.usage.total_tokens == 6
    assert called.finish_reason == "tool_calls"
    arguments = called.message.tool_calls[0].function.arguments
    assert json.loads(arguments) == {"text": SAID}


def test_responses_are_what_their_sdk_reads():
    tools = [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}]
    with openai() as client:
        whole = client.responses.create(model="m", input="hello there")
        with client.responses.stream(model="m", input=HELLO) as stream:
            numbers = [event.sequence_number for event in stream]
            final = stream.get_final_response()
        with client.responses.stream(model="m", input="a", tools=tools) as stream:
            call = stream.get_final_response().output[0]

    assert whole.output_text == final.output_text == SAID
    assert final.usage.output_tokens == whole.usage.output_tokens == 4
    assert numbers == list(range(len(numbers)))
    assert json.loads(call.arguments) == {"text": "You said: a"}


def test_responses_are_what_the_open_specification_reads():
    with Upstream() as up:
        line = http.client.HTTPConnection(up.origin.removeprefix("http://"), timeout=5)
        line.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "a"}))
        told = json.loads(line.getresponse().read())
        line.close()

    assert ResponseResource.model_validate(told).status == "completed"


def test_embeddings_are_the_same_numbers_in_both_spellings():
    with openai() as client:
        ask = client.embeddings.create
        plain = ask(model="m", input=["a b", "c"], encoding_format="float")
        coded = ask(model="m", input=["a b", "c"])

    assert [e.embedding for e in plain.data] == [e.embedding for e in coded.data]
    assert plain.usage.prompt_tokens == 3


def test_messages_are_what_their_sdk_reads():
    tools = [{"name": "f", "input_schema": SCHEMA}]
    asked = {"model": "m", "messages": HELLO, "max_tokens": 9}
    with anthropic() as client:
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
        with client.messages.stream(**asked, tools=tools) as stream:
            called = stream.get_final_message()
        count = client.messages.count_tokens(model="m", messages=HELLO)

    assert whole.content[0].text == final.content[0].text == SAID
    assert (whole.stop_reason, final.stop_reason) == ("end_turn", "end_turn")
    assert final.usage.output_tokens == whole.usage.output_tokens == 4
    assert called.content[0].input == {"text": SAID}
    assert called.stop_reason == "tool_use"
    assert count.input_tokens == 2


def test_gemini_is_what_its_sdk_reads():
    declared = [{"function_declarations": [{"name": "f", "parameters": SCHEMA}]}]
    with gemini() as models:
        whole = models.generate_content(model="m", contents="hello there")
        parts = list(models.generate_content_stream(model="m", contents="hello there"))
        how = {"tools": declared, "automatic_function_calling": {"disable": True}}
        called = models.generate_content(model="m", contents="a", config=how)

    assert whole.text == "".join(p.text or "" for p in parts) == SAID
    assert parts[-1].candidates[0].finish_reason.name == "STOP"
    assert parts[-1].usage_metadata.candidates_token_count == 4
    assert called.function_calls[0].args == {"text": "You said: a"}


def test_bedrock_is_what_botocore_reads():
    asked = {
        "modelId": "anthropic.claude-x-v1:0",
        "messages": [{"role": "user", "content": [{"text": "hello there"}]}],
    }
    spec = {"name": "f", "inputSchema": {"json": SCHEMA}}
    with bedrock() as client:
        whole = client.converse(**asked)
        events = list(client.converse_stream(**asked)["stream"])
        called = list(
            client.converse_stream(**asked, toolConfig={"tools": [{"toolSpec": spec}]})[
                "stream"
            ]
        )

    deltas = [
        e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e
    ]
    pieces = [
        e["contentBlockDelta"]["delta"]["toolUse"]["input"]
        for e in called
        if "contentBlockDelta" in e
    ]
    assert whole["output"]["message"]["content"][0]["text"] == SAID
    assert "".join(d["text"] for d in deltas) == SAID
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 4
    assert json.loads("".join(pieces)) == {"text": SAID}


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_are_what_triton_reads(binary):
    given = oip.InferInput("x", [1, 2], "FP32")
    row = np.array([[1.5, -2.0]], dtype=np.float32)
    given.set_data_from_numpy(row, binary_data=binary)
    with Upstream() as up:
        client = oip.InferenceServerClient(up.origin.removeprefix("http://"))
        ready = client.is_model_ready("m")
        described = client.get_model_metadata("m")
        answer = client.infer("m", [given])
        client.close()

    assert ready
    assert described["inputs"][0]["name"] == "x"
    assert np.array_equal(answer.as_numpy("y"), row)


# Badly.


def test_a_refusal_is_said_in_each_dialects_own_words():
    with openai("529") as client, pytest.raises(OpenAIError) as chat:
        client.chat.completions.create(model="m", messages=HELLO)
    with anthropic("529") as client, pytest.raises(APIStatusError) as messages:
        client.messages.create(model="m", messages=HELLO, max_tokens=9)
    with gemini("rate-limited") as models, pytest.raises(APIError) as google:
        models.generate_content(model="m", contents="a")
    with bedrock("rate-limited") as client, pytest.raises(ClientError) as amazon:
        client.converse(modelId="m", messages=[])

    assert chat.value.body["type"] == "server_error"
    assert messages.value.body["error"]["type"] == "overloaded_error"
    assert (google.value.code, google.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert amazon.value.response["Error"]["Code"] == "ThrottlingException"


def test_an_error_in_an_answer_that_began_well_is_one_to_each_sdk():
    how = "early-200-then-error"
    with openai(how) as client, pytest.raises(OpenAIError):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    with openai(how) as client:
        answer = list(client.responses.create(model="m", input="a", stream=True))
    with anthropic(how) as client, pytest.raises(APIStatusError):
        list(
            client.messages.create(model="m", messages=HELLO, max_tokens=9, stream=True)
        )
    with gemini(how) as models, pytest.raises(APIError):
        list(models.generate_content_stream(model="m", contents="a"))
    with bedrock(how) as client, pytest.raises(EventStreamError):
        list(client.converse_stream(modelId="m", messages=[])["stream"])

    assert answer[-1].type == "error"  # this SDK passes it on, and raises nothing


def ask(up, path, body, timeout=5):
    """Return what a plain client gets, or what it raises."""
    where = up.origin.partition("//")[2]
    line = http.client.HTTPConnection(where, timeout=timeout)
    try:
        line.request("POST", path, json.dumps(body))
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


PATHS = {
    "openai": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "openai-embeddings": "/v1/embeddings",
    "anthropic": "/v1/messages",
    "anthropic-count": "/v1/messages/count_tokens",
    "openai-count": "/v1/responses/input_tokens",
    "gemini": "/v1beta/models/m:generateContent",
    "bedrock": "/model/m/converse",
    "oip": "/v2/models/m/infer",
}
BODY = {"model": "m", "stream": True, "messages": HELLO}


def test_each_path_has_its_dialect():
    assert {name: speech_at(path).name for name, path in PATHS.items()} == {
        name: name for name in PATHS
    }
    assert {speech.name for speech in SPEECHES} == set(PATHS)
    assert speech_at("/openai/deployments/d/chat/completions?api-version=1").name == (
        "openai"
    )


@pytest.mark.parametrize("path", [p for n, p in PATHS.items() if n != "oip"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_answer_has_no_end_in_any_dialect(path, stream):
    path = path.replace(":gen", ":streamGen") if stream else path
    path = path.replace("/converse", "/converse-stream") if stream else path
    with Upstream("no-done", "well") as up:
        (_, _, cut), (_, _, well) = (ask(up, path, BODY) for _ in range(2))

    assert well.startswith(cut)
    assert len(cut) < len(well)


def test_there_are_more_than_two_dozen_ways_to_misbehave():
    assert len(BEHAVIOURS) >= 45


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("blackhole", TimeoutError),
        ("half-open", TimeoutError),
        ("hang-up", http.client.RemoteDisconnected),
        ("not-http", http.client.BadStatusLine),
        ("header-flood", http.client.HTTPException),
        ("length-too-long", http.client.IncompleteRead),
    ],
)
def test_what_is_broken_is_broken_for_a_plain_client(behaviour, error):
    patience_s = 0.4 if error is TimeoutError else 20
    with Upstream(behaviour) as up, pytest.raises(error):
        ask(up, PATHS["openai"], BODY, timeout=patience_s)


@pytest.mark.parametrize("behaviour", ["babble", "endless"])
def test_some_go_on_for_ever(behaviour):
    with Upstream(behaviour) as up:
        line = http.client.HTTPConnection(up.origin.partition("//")[2], timeout=5)
        line.request("POST", PATHS["openai"], json.dumps(BODY))
        parts = [line.getresponse().read1() for _ in range(1)]
        line.close()

    assert parts[0]


@pytest.mark.parametrize("kind", ["expired", "untrusted"])
def test_a_certificate_is_as_bad_as_it_says(kind):
    with Upstream(f"{kind}-tls") as up:
        port = int(up.origin.rpartition(":")[2])
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        trusting = ssl.create_default_context(cadata=pem)
        line = http.client.HTTPSConnection(
            "127.0.0.1", port, context=trusting, timeout=5
        )
        if kind == "expired":
            with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
                line.connect()
        else:
            line.request("GET", "/v1/models")
            assert line.getresponse().status == 200
        line.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("127.0.0.1", port, timeout=5).connect()


def test_a_connection_that_was_used_is_dropped():
    with Upstream("stale-connection") as up:
        line = http.client.HTTPConnection(up.origin.partition("//")[2], timeout=5)
        line.request("POST", PATHS["openai"], json.dumps(BODY))
        assert line.getresponse().read()
        with pytest.raises(http.client.RemoteDisconnected):
            line.request("POST", PATHS["openai"], json.dumps(BODY))
            line.getresponse()
        line.close()


def test_counts_are_wrong_in_the_way_they_are_called():
    with Upstream("usage-negative", "usage-absurd", "usage-inconsistent") as up:
        told = [
            json.loads(ask(up, PATHS["openai"], {"messages": HELLO})[2])["usage"]
            for _ in range(3)
        ]
        counted = ask(up, PATHS["anthropic"], {"messages": HELLO})[2]

    assert told[0]["completion_tokens"] == -4
    assert told[1]["prompt_tokens"] == 10**18
    assert told[2]["prompt_tokens_details"]["cached_tokens"] == 1_002
    assert json.loads(counted)["usage"]["input_tokens"] == -1_000


def test_reads_are_spared_if_wanted():
    with Upstream("500", spares_reads=True) as up:
        line = http.client.HTTPConnection(up.origin.partition("//")[2], timeout=5)
        line.request("GET", "/v2/models/bot")
        answer = line.getresponse()
        told = json.loads(answer.read())
        line.close()
        refused = ask(up, PATHS["oip"], {})

    assert (answer.status, told["name"], refused[0]) == (200, "bot", 500)
    assert json.loads(refused[2]) == {"error": "The server had an error."}
