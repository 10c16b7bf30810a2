"""Messages, asked by the real Anthropic SDK over real sockets."""

import asyncio
import http.client
import json
from contextlib import contextmanager

import anthropic
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import OpenAI

from roadbed.adapters.providers import anthropic as anthropic_provider
from roadbed.adapters.providers import openai as openai_provider
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.upstream import BEHAVIOURS, Upstream
from tests.adapters.providers.anthropic_wall import anthropic_wall
from tests.server.house import EXPIRED, KEY, VIEWER, serving_house

HELLO = [{"role": "user", "content": "hello there"}]
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOL = {"name": "look_up", "description": "Looks it up.", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # noqa: E501
IMAGES = [
    {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
    },
    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    {"type": "text", "text": "What is it?"},
]


def client_of(house, **how):
    return Anthropic(
        **({"base_url": house.url, "api_key": KEY, "max_retries": 0} | how)
    )


@pytest.fixture
def client(house):
    with client_of(house) as made:
        yield made


@contextmanager
def behind(module, upstream_url, **config):
    """A house whose endpoint `support` is an upstream of the provider *module*."""
    definition = {"hosted": {"provider": "up", "upstream": "model-2025-01-01"}}
    version = ModelVersion(
        model="support", number=1, digest="sha256:1", definition=definition
    )
    settings = module.Config(base_url=upstream_url, private=True, **config)
    maker = module.provider(settings, None, None)
    opened = maker.open(version)
    with serving_house(runners={"support": opened}) as house:
        yield house
        house.wait(opened.close())
        house.wait(maker.close())


@pytest.fixture(scope="module")
def anthropic_behind():
    """The same dialect on both sides; call it for house, wall and client."""
    with (
        anthropic_wall() as wall,
        behind(anthropic_provider, wall.url, betas=["skills-2025-10-02"]) as house,
        client_of(house) as client,
    ):

        @contextmanager
        def behaving(*behaviours):
            wall.requests, wall.behaviours = [], behaviours or ("well",)
            yield house, wall, client

        yield behaving


@pytest.fixture(scope="module")
def openai_behind():
    """Another dialect upstream; call it for house, upstream and client."""
    with (
        Upstream() as upstream,
        behind(openai_provider, upstream.url) as house,
        client_of(house) as client,
    ):

        @contextmanager
        def behaving(behaviour="well"):
            upstream.requests, upstream.behaviours = [], (BEHAVIOURS[behaviour],)
            yield house, upstream, client

        yield behaving


@pytest.fixture(scope="module")
def openai_client(anthropic_behind):
    """The OpenAI SDK before an Anthropic upstream."""
    with (
        anthropic_behind() as (house, _, _),
        OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as made,
    ):
        yield made


def ask(client, model="echo", **fields):
    how = {"model": model, "max_tokens": 64, "messages": HELLO}
    return client.messages.create(**(how | fields))


# A model of ours.


def test_a_whole_answer_is_a_message(client, house):
    raw = client.messages.with_raw_response.create(
        model="echo", max_tokens=64, messages=HELLO
    )
    message = raw.parse()

    assert [b.text for b in message.content] == ["echo: hello there"]
    assert (message.type, message.role, message.model) == (
        "message",
        "assistant",
        "echo",
    )
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 3)
    assert message.content[0].citations[0].source == "doc:1"
    record = house.last(raw.headers["x-roadbed-call"])
    assert raw.headers["request-id"] == message._request_id == record.call_id
    assert (record.kind, record.dialect, record.status) == ("llm", "anthropic", "ok")


def test_a_stream_says_the_same(client):
    with client.messages.stream(model="echo", max_tokens=64, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    message = ask(client)

    assert text == "echo: hello there"
    assert streamed.content[0].text == message.content[0].text
    assert streamed.stop_reason == message.stop_reason
    assert streamed.usage.output_tokens == message.usage.output_tokens
    assert streamed.usage.input_tokens == message.usage.input_tokens


def test_each_event_is_named_and_each_block_closed(house):
    lines = told_by(house, {"stream": True})
    names = [line[7:] for line in lines if line.startswith("event: ")]
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    assert names == [event["type"] for event in data]
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert names.count("content_block_start") == names.count("content_block_stop") == 1


def told_by(house, fields, headers=None):
    body = {"model": "echo", "max_tokens": 9, "messages": HELLO} | fields
    sent = {"authorization": f"Bearer {KEY}"} if headers is None else headers
    return posted(house, "/v1/messages", body, sent)[2].decode().splitlines()


def posted(house, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, data, headers)
    answer = connection.getresponse()
    told = answer.status, answer.headers, answer.read()
    connection.close()
    return told


def test_it_works_asynchronously(house):
    async def both():
        how = {"base_url": house.url, "api_key": KEY, "max_retries": 0}
        async with AsyncAnthropic(**how) as client:
            whole = ask(client)
            async with client.messages.stream(
                model="echo", max_tokens=64, messages=HELLO
            ) as stream:
                said = [text async for text in stream.text_stream]
            return (await whole).content[0].text, "".join(said)

    assert asyncio.run(both()) == ("echo: hello there", "echo: hello there")


def test_a_version_may_be_named(client):
    assert ask(client, "echo@3").model == "echo"
    with pytest.raises(anthropic.NotFoundError, match="serves version 3"):
        ask(client, "echo@4")


# Who asks.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": KEY}, 200),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": KEY, "authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": KEY, "anthropic-version": "2026-10-21"}, 200),
        ({"x-api-key": KEY, "anthropic-version": "long ago"}, 200),
        ({"x-api-key": "", "authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": VIEWER, "authorization": f"Bearer {KEY}"}, 401),
        ({"x-api-key": KEY, "authorization": "Bearer rbk_other"}, 401),
        ({"x-api-key": KEY, "authorization": f"DPoP {KEY}"}, 401),
        ({"x-api-key": "rbk_nobody"}, 401),
        ({"x-api-key": EXPIRED}, 401),
        ({"x-api-key": VIEWER}, 403),
        ({}, 401),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_key_may_come_in_either_header_and_never_two(house, path, headers, status):
    body = {"model": "echo", "max_tokens": 9, "messages": HELLO}
    got, _, told = posted(house, path, body, headers)

    assert got == status
    assert KEY not in told.decode()


def test_other_routes_take_no_x_api_key(house):
    body = {"model": "echo", "messages": HELLO}
    status, _, _ = posted(house, "/v1/chat/completions", body, {"x-api-key": KEY})

    assert status == 401


# What goes wrong.


@pytest.mark.parametrize(
    ("how", "fields", "error", "word"),
    [
        ({"api_key": "rbk_wrong"}, {}, anthropic.AuthenticationError, "authentication"),
        ({"api_key": VIEWER}, {}, anthropic.PermissionDeniedError, "permission"),
        ({}, {"model": "nothing"}, anthropic.NotFoundError, "not_found"),
        ({}, {"model": "hurt"}, anthropic.ServiceUnavailableError, "api"),
        ({}, {"model": "limited"}, anthropic.RateLimitError, "rate_limit"),
        ({}, {"model": "crash"}, anthropic.InternalServerError, "api"),
        ({}, {"model": "cut"}, anthropic.InternalServerError, "api"),
        ({}, {"max_tokens": -1}, anthropic.BadRequestError, "invalid_request"),
        ({}, {"messages": []}, anthropic.BadRequestError, "invalid_request"),
    ],
)
def test_each_error_is_the_class_that_the_sdk_knows(house, how, fields, error, word):
    with client_of(house, **how) as client, pytest.raises(error) as raised:
        ask(client, **fields)
    body = raised.value.body

    assert body["type"] == "error"
    assert raised.value.type == f"{word}_error"
    assert body["request_id"] == raised.value.request_id
    assert raised.value.error_code
    assert "/etc/shadow" not in str(raised.value)


def test_a_limit_says_when_to_come_back(client):
    with pytest.raises(anthropic.RateLimitError) as raised:
        ask(client, "limited")

    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 7


@pytest.mark.parametrize("model", ["cut", "crash-late"])
def test_a_stream_that_breaks_off_raises_and_never_ends_well(client, house, model):
    said = []
    with pytest.raises(anthropic.APIStatusError) as raised:
        for event in ask(client, model, stream=True):
            said.append(event.type)

    assert "content_block_delta" in said
    assert not {"message_delta", "message_stop"} & set(said)
    assert raised.value.body["error"]["type"] == "api_error"
    assert raised.value.body["request_id"] == raised.value.request_id
    assert house.last(raised.value.request_id).status in ("truncated", "error")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"model": "echo"}',
        b'{"model": 1, "max_tokens": 1, "messages": []}',
        b'{"model": "echo", "model": "echo", "max_tokens": 1, "messages": []}',
        b'{"model": "echo", "max_tokens": "many", "messages": [1]}',
        b'{"model": "echo", "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "m", "max_tokens": 1, "messages": [{"role": "x", "content": ""}]}',
        b'{"model": "echo", "max_tokens": 1, "messages": [{"role": "user"}]}',
        b'{"model": "echo", "max_tokens": 1, "messages": %b' % (b"[" * 90_000),
    ],
)
def test_what_cannot_be_read_is_refused_on_record(house, body):
    status, headers, told = posted(house, "/v1/messages", body, {"x-api-key": KEY})
    error = json.loads(told)

    assert status == 400
    assert error["error"]["type"] == "invalid_request_error"
    assert error["request_id"] == headers["x-roadbed-call"]
    assert house.last(error["request_id"]).error == "invalid"


def test_a_stranger_learns_nothing_of_what_was_wrong(house):
    status, _, told = posted(house, "/v1/messages", b"{", {"x-api-key": "rbk_nobody"})

    assert (status, json.loads(told)["error"]["type"]) == (401, "authentication_error")


def test_what_is_not_there_is_told_in_the_dialect(house):
    headers = {"x-api-key": KEY}
    missing = posted(house, "/v1/messages/batches", b"{}", headers)

    assert missing[0] == 404
    assert json.loads(missing[2])["error"]["type"] == "not_found_error"


# The same dialect upstream.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_anthropic_says_is_forwarded(stream, anthropic_behind):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    fields = {"thinking": thinking, "service_tier": "auto", "stop_sequences": ["END"]}
    with anthropic_behind("drip" if stream else "well") as (house, wall, client):
        how = {"model": "support", "max_tokens": 64, "messages": HELLO} | fields
        if stream:
            with client.messages.stream(**how) as told:
                message = told.get_final_message()
        else:
            message = client.messages.create(**how)
        record = house.last()
    thought, text = message.content

    assert (thought.thinking, thought.signature) == ("Hm. Right.", "c2ln")
    assert text.text == "You said: hello there"
    assert (message.id, message.model) == ("msg_01", "support")
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")
    assert message.usage.cache_creation_input_tokens == 7
    assert message.usage.service_tier == "standard"
    assert wall.requests[0][2]["service_tier"] == "auto"
    assert (record.input_tokens, record.cached_tokens) == (23, 11)
    assert (record.output_tokens, record.reasoning_tokens) == (9, 2)
    assert record.status == "ok"


def test_betas_go_up_if_they_are_on_the_list(anthropic_behind):
    with anthropic_behind() as (_, wall, client):
        client.beta.messages.create(
            model="support",
            max_tokens=64,
            messages=HELLO,
            betas=["skills-2025-10-02", "files-api-2025-04-14"],
        )

        client.beta.messages.count_tokens(
            model="support", messages=HELLO, betas=["skills-2025-10-02"]
        )

    assert wall.requests[0][1]["anthropic-beta"] == "skills-2025-10-02"
    assert "skills-2025-10-02" in wall.requests[1][1]["anthropic-beta"]


@pytest.mark.parametrize(
    ("behaviour", "error", "word"),
    [
        ("400", anthropic.BadRequestError, "invalid_request_error"),
        ("401", anthropic.InternalServerError, "api_error"),
        ("529", anthropic.InternalServerError, "overloaded_error"),
        ("500", anthropic.InternalServerError, "api_error"),
        ("html-200", anthropic.InternalServerError, "api_error"),
        ("cut-clean", anthropic.InternalServerError, "api_error"),
        ("early-200-then-error", anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_a_failure_upstream_is_told_in_the_dialect(
    behaviour, error, word, anthropic_behind
):
    with (
        anthropic_behind(behaviour) as (_, _, client),
        pytest.raises(error) as raised,
    ):
        ask(client, "support")

    assert raised.value.type == word


def test_a_limit_upstream_is_told_in_the_dialect():
    """In a house of its own: who asks for patience is left alone for a while."""
    with (
        anthropic_wall("429") as wall,
        behind(anthropic_provider, wall.url) as house,
        client_of(house) as client,
        pytest.raises(anthropic.RateLimitError) as raised,
    ):
        ask(client, "support")

    assert raised.value.type == "rate_limit_error"
    assert int(raised.value.response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("cut-clean", "truncated"),
        ("no-stop", "truncated"),
        ("abort", "truncated"),
        ("malformed-json", "error"),
        ("early-200-then-error", "error"),
    ],
)
@pytest.mark.parametrize("side", ["anthropic", "openai"])
def test_a_stream_that_breaks_off_upstream_raises(request, side, behaviour, status):
    if side == "openai":
        behaviour = {"no-stop": "no-done"}.get(behaviour, behaviour)
    begun = (side, behaviour) != ("openai", "malformed-json")
    said = []
    with request.getfixturevalue(f"{side}_behind")(behaviour) as (house, _, client):
        with pytest.raises(anthropic.APIStatusError) as raised:
            for event in ask(client, "support", stream=True):
                said.append(event.type)
        record = house.last(raised.value.request_id)

    assert said[:1] == (["message_start"] if begun else [])
    assert "message_stop" not in said
    assert record.status == status


# Another dialect upstream, and another dialect in front.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_anthropic_client_calls_tools_of_an_openai_upstream(stream, openai_behind):
    with openai_behind("drip" if stream else "well") as (house, upstream, client):
        how = {"max_tokens": 64, "tools": [TOOL], "tool_choice": {"type": "any"}}
        how |= {"model": "support", "messages": HELLO, "system": "Be kind."}
        if stream:
            with client.messages.stream(**how) as told:
                message = told.get_final_message()
        else:
            message = client.messages.create(**how)
        record = house.last()
        used = message.content[0]
        result = {"type": "tool_result", "tool_use_id": used.id, "content": "It is 7."}
        more = [
            *HELLO,
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
        ask(client, "support", messages=more)
        first, second = (request.json() for request in upstream.requests)

    assert message.stop_reason == "tool_use"
    assert (used.type, used.id, used.name) == ("tool_use", "call_1", "look_up")
    assert used.input == {"text": "You said: hello there"}
    assert message.usage.input_tokens + message.usage.cache_read_input_tokens == (
        record.input_tokens
    )
    assert first["tool_choice"] == "required"
    assert first["messages"][0] == {"role": "system", "content": "Be kind."}
    assert first["max_completion_tokens"] == 64
    call = second["messages"][1]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == used.input
    assert second["messages"][2] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "It is 7.",
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_openai_client_calls_tools_of_an_anthropic_upstream(
    stream, anthropic_behind, openai_client
):
    with (
        anthropic_behind("drip" if stream else "well") as (_, wall, _),
    ):
        how = {"model": "support", "messages": HELLO, "tools": [FUNCTION]}
        if stream:
            options = {"include_usage": True}
            chunks = list(
                openai_client.chat.completions.create(
                    **how, stream=True, stream_options=options
                )
            )
            pieces = [
                t for c in chunks for x in c.choices for t in x.delta.tool_calls or []
            ]
            id_, name = pieces[0].id, pieces[0].function.name
            given = "".join(p.function.arguments or "" for p in pieces)
            finish = next(x.finish_reason for c in reversed(chunks) for x in c.choices)
            usage = chunks[-1].usage
        else:
            answer = openai_client.chat.completions.create(**how)
            call = answer.choices[0].message.tool_calls[0]
            id_, name, given = call.id, call.function.name, call.function.arguments
            finish, usage = answer.choices[0].finish_reason, answer.usage
        reply = {"id": id_, "type": "function"}
        reply |= {"function": {"name": name, "arguments": given}}
        more = [
            *HELLO,
            {"role": "assistant", "tool_calls": [reply]},
            {"role": "tool", "tool_call_id": id_, "content": "It is 7."},
        ]
        openai_client.chat.completions.create(model="support", messages=more)

    assert (id_, name, finish) == ("toolu_01", "look_up", "tool_calls")
    assert json.loads(given) == {"text": "hello there"}
    assert (usage.prompt_tokens, usage.completion_tokens) == (23, 9)
    assert usage.prompt_tokens_details.cached_tokens == 11
    assert wall.requests[1][2]["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "toolu_01",
                    "name": "look_up",
                    "input": {"text": "hello there"},
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01",
                    "content": "It is 7.",
                }
            ],
        },
    ]


def test_an_openai_client_is_told_of_a_stream_that_breaks_off(
    anthropic_behind, openai_client
):
    with (
        anthropic_behind("early-200-then-error") as (_, _, _),
        pytest.raises(openai.APIError),
    ):
        list(
            openai_client.chat.completions.create(
                model="support", messages=HELLO, stream=True
            )
        )


def test_images_reach_an_openai_upstream(openai_behind):
    with openai_behind() as (_, upstream, client):
        ask(client, "support", messages=[{"role": "user", "content": IMAGES}])
    parts = upstream.requests[0].json()["messages"][0]["content"]

    assert [p["type"] for p in parts] == ["image_url", "image_url", "text"]
    assert parts[0]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert parts[1]["image_url"]["url"] == "https://example.com/a.png"


def test_images_reach_an_anthropic_upstream_from_an_openai_client(
    anthropic_behind, openai_client
):
    url = f"data:image/png;base64,{PNG}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    with (
        anthropic_behind() as (_, wall, _),
    ):
        openai_client.chat.completions.create(
            model="support", messages=[{"role": "user", "content": content}]
        )

    assert wall.requests[0][2]["messages"][0]["content"] == [IMAGES[0]]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "web_search",
        ),
        ({"container": "container_1"}, "container"),
        ({"inference_geo": "eu"}, "inference_geo"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "file", "file_id": "f"},
                            }
                        ],
                    }
                ]
            },
            "document",
        ),
    ],
)
def test_what_cannot_be_translated_is_refused_by_its_name(fields, named, openai_behind):
    with (
        openai_behind() as (_, upstream, client),
        pytest.raises(anthropic.BadRequestError, match=named),
    ):
        ask(client, "support", **fields)

    assert upstream.requests == []


def test_the_shape_of_an_answer_reaches_an_openai_upstream(openai_behind):
    shape = {"type": "json_schema", "schema": SCHEMA | {"additionalProperties": False}}
    with openai_behind() as (_, upstream, client):
        ask(client, "support", output_config={"format": shape, "effort": "low"})
    sent = upstream.requests[0].json()

    assert sent["response_format"]["json_schema"]["schema"] == shape["schema"]
    assert sent["reasoning_effort"] == "low"


# Counting.


def test_anthropic_is_asked_to_count(anthropic_behind):
    with anthropic_behind() as (house, wall, client):
        raw = client.messages.with_raw_response.count_tokens(
            model="support", messages=HELLO, tools=[TOOL]
        )
        record = house.last()

    assert raw.parse().input_tokens == 42
    assert "x-roadbed-estimated" not in raw.headers
    assert wall.requests[0][0] == "/v1/messages/count_tokens"
    assert (record.kind, record.status, record.estimated) == ("llm", "ok", 0)
    assert (record.input_tokens, record.cost_nano) == (0, 0)


def test_any_other_count_is_an_estimate_and_says_so(client, house):
    raw = client.messages.with_raw_response.count_tokens(
        model="echo", messages=HELLO, system="Be kind."
    )
    record = house.last(raw.headers["x-roadbed-call"])

    assert raw.parse().input_tokens == 4 * 2 + 7
    assert raw.headers["x-roadbed-estimated"] == "true"
    assert (record.kind, record.estimated, record.input_tokens) == ("llm", 1, 0)


def test_a_count_that_fails_is_told(anthropic_behind):
    with (
        anthropic_behind("500") as (_, _, client),
        pytest.raises(anthropic.InternalServerError),
    ):
        client.messages.count_tokens(model="support", messages=HELLO)
