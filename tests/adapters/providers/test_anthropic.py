"""The anthropic provider, against a real server that also misbehaves."""

import json

import pytest

from roadbed.adapters.providers.anthropic import Config, provider, unfit, unpinned
from roadbed.adapters.secrets._resolver import Resolver
from roadbed.core.errors import (
    Invalid,
    ProviderError,
    RateLimited,
    Refused,
    Truncated,
    Unavailable,
)
from roadbed.core.secret import Secret
from roadbed.dialects.anthropic.parse_request import read, read_count
from roadbed.inference.call import Usage
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import (
    Opened,
    ProviderContract,
    answer,
    chat_request,
    finish_with,
    make_call,
    summary,
)
from tests.adapters.providers.anthropic_wall import anthropic_wall

KEY = "sk-ant-canary-3f9a7c51e8d2"
MODEL = "claude-sonnet-4-20250514"
REFERENCE = "secret://env/ANTHROPIC_API_KEY"
HELLO = {
    "model": "m",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hi"}],
}
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}
BARE = {"type": "function", "function": {"name": "now", "parameters": {}}}


class Place:
    lifetime_s = 60.0

    def fetch(self, path):
        return Secret(KEY)

    def previous(self, path):
        return None


class Keys(Resolver):
    def __init__(self):
        super().__init__(lambda scheme: Place(), ["env"])


def version(**hosted):
    definition = {"hosted": {"provider": "up", "upstream": MODEL} | hosted}
    return ModelVersion(model="bot", number=1, digest="sha256:0", definition=definition)


def opened(url, *, hosted=None, **config):
    made = provider(
        Config(base_url=url, api_key=REFERENCE, private=True, **config), None, Keys()
    )
    return Opened(made, made.open(version(**(hosted or {}))))


def ask(wall, request, **how):
    both = opened(wall.url, **how)
    return finish_with(both, answer(both.runner, request))


def native(both, body, *, betas=(), count=False):
    """Return the chunks that a caller of the same dialect gets."""
    reader = read_count if count else read
    request = reader(json.dumps(body).encode())[1]
    request.betas = betas
    call = make_call(both.runner, request)
    call.dialect = "anthropic"
    send = both.runner.count if count else both.runner.send

    async def go():
        return [chunk async for chunk in send(call)]

    return finish_with(both, go())


class TestAnthropic(ProviderContract):
    @pytest.fixture
    def working(self):
        with anthropic_wall() as wall:
            yield opened(wall.url)

    @pytest.fixture(params=["refuse", "500", "529", "html-200", "malformed-json"])
    def broken(self, request):
        with anthropic_wall(request.param) as wall:
            yield opened(wall.url)

    @pytest.fixture(params=["silent", "stall"])
    def silent(self, request):
        with anthropic_wall(request.param) as wall:
            yield opened(wall.url)

    @pytest.fixture(params=["cut-clean", "no-stop", "abort", "early-200-then-error"])
    def cut(self, request):
        with anthropic_wall(request.param) as wall:
            yield opened(wall.url)


# What goes up.


def test_a_caller_of_another_dialect_is_translated():
    request = chat_request("hello", temperature=0.5, tools=[TOOL], tool_choice="none")
    with anthropic_wall() as wall:
        ask(wall, request, hosted={"prompt": "Be kind."})
    path, headers, sent = wall.requests[0]

    assert path == "/v1/messages"
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in headers
    assert sent == {
        "model": MODEL,
        "max_tokens": 4096,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "temperature": 0.5,
        "tools": [
            {"name": "look_up", "input_schema": TOOL["function"]["parameters"]},
        ],
        "tool_choice": {"type": "none"},
    }


@pytest.mark.parametrize(
    ("asked", "config", "hosted", "sent"),
    [
        ({}, {}, {}, 4096),
        ({}, {"max_tokens": 100}, {}, 100),
        ({"max_tokens": 5}, {"max_tokens": 100}, {}, 5),
        ({"max_completion_tokens": 6}, {}, {}, 6),
        ({"max_tokens": 5}, {}, {"parameters": {"max_tokens": 7}}, 7),
    ],
)
def test_the_most_tokens_are_always_told(asked, config, hosted, sent):
    with anthropic_wall() as wall:
        ask(wall, chat_request("hello", **asked), hosted=hosted, **config)

    assert wall.requests[0][2]["max_tokens"] == sent


def test_a_caller_of_the_same_dialect_is_forwarded():
    odd = {
        "service_tier": "auto",
        "context_management": {"edits": []},
        "top_k": 3,
        "container": "container_1",
        "inference_geo": "eu",
        "mcp_servers": [{"type": "url", "name": "x", "url": "https://example.com"}],
    }
    with anthropic_wall() as wall:
        both = opened(wall.url, hosted={"prompt": "Be kind."})
        native(both, HELLO | odd | {"system": [{"type": "text", "text": "Be brief."}]})
    sent = wall.requests[0][2]

    assert {name: sent[name] for name in odd} == odd
    assert sent["model"] == MODEL
    assert sent["messages"] == HELLO["messages"]
    assert [b["text"] for b in sent["system"]] == ["Be kind.", "Be brief."]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({}, "Be kind."),
        ({"system": ""}, "Be kind."),
        (
            {"system": "Hi."},
            [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Hi."}],
        ),
    ],
)
def test_the_prompt_stands_before_the_callers_own(own, sent):
    with anthropic_wall() as wall:
        native(opened(wall.url, hosted={"prompt": "Be kind."}), HELLO | own)

    assert wall.requests[0][2]["system"] == sent


def test_only_the_betas_on_the_list_are_sent_on():
    with anthropic_wall() as wall:
        both = opened(wall.url, betas=["files-api-2025-04-14"])
        native(both, HELLO, betas=("skills-2025-10-02", "files-api-2025-04-14"))
        native(opened(wall.url), HELLO, betas=("files-api-2025-04-14",))

    assert wall.requests[0][1]["anthropic-beta"] == "files-api-2025-04-14"
    assert "anthropic-beta" not in wall.requests[1][1]


def test_tokens_are_counted_by_anthropic():
    hosted = {"prompt": "Be kind.", "parameters": {"temperature": 0, "max_tokens": 9}}
    with anthropic_wall() as wall:
        chunks = native(opened(wall.url, hosted=hosted), HELLO, count=True)
    path, _, sent = wall.requests[0]

    assert path == "/v1/messages/count_tokens"
    assert set(sent) == {"model", "messages", "system"}
    assert [(c.text, c.usage, c.finish) for c in chunks] == [
        ('{"input_tokens":42}', None, "stop")
    ]


@pytest.mark.parametrize("behaviour", ["500", "html-200", "malformed-json"])
def test_a_count_that_fails_is_a_provider_error(behaviour):
    with anthropic_wall(behaviour) as wall, pytest.raises(ProviderError):
        native(opened(wall.url), HELLO, count=True)


def test_a_count_never_becomes_a_conversation():
    request = read_count(json.dumps(HELLO).encode())[1]
    with anthropic_wall() as wall, pytest.raises(Invalid, match="conversations"):
        ask(wall, request)

    assert wall.requests == []


# What comes back.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_text_usage_and_version_are_read(stream):
    request = chat_request("hello", stream=stream, stop=["END"])
    with anthropic_wall("drip" if stream else "well") as wall:
        chunks = ask(wall, request)
    told = summary(chunks)

    assert "".join(told.text) == "You said: hello"
    assert (told.finish, chunks[-1].stop, told.served) == ("stop", "END", MODEL)
    assert told.usage == Usage(
        input_tokens=23,
        output_tokens=9,
        cached_tokens=11,
        cache_write_tokens=7,
        cache_write_1h_tokens=3,
        reasoning_tokens=2,
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tool_calls_are_read_also_those_without_arguments(stream):
    request = chat_request("hello", stream=stream, tools=[TOOL, BARE])
    with anthropic_wall() as wall:
        told = summary(ask(wall, request))

    calls = [(i, n, json.loads(a)) for i, n, a in told.tools.values()]
    assert calls == [
        ("toolu_01", "look_up", {"text": "hello"}),
        ("toolu_02", "now", {}),
    ]
    assert told.finish == "tool_calls"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thoughts_are_read_with_their_proof(stream):
    body = HELLO | {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    with anthropic_wall() as wall:
        chunks = native(opened(wall.url), body | {"stream": stream})

    assert "".join(c.thinking for c in chunks) == "Hm. Right."
    assert "".join(c.signature for c in chunks) == "c2ln"


@pytest.mark.parametrize(
    ("behaviour", "error", "status"),
    [
        ("400", Refused, 400),
        ("401", Unavailable, 401),
        ("422-echo", Refused, 422),
        ("429", RateLimited, 429),
        ("529", Unavailable, 529),
        ("early-200-then-error", Unavailable, 529),
        ("no-stop", Truncated, 0),
        ("cut-clean", Truncated, 0),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_each_failure_is_what_it_is_and_holds_no_key(behaviour, error, status, stream):
    with anthropic_wall(behaviour) as wall, pytest.raises(error) as raised:
        ask(wall, chat_request("hello", stream=stream))

    assert raised.value.upstream_status == status
    assert KEY not in str(raised.value)
    assert raised.value.retry_after_s == (7 if status == 429 else None)


# What may be declared.


@pytest.mark.parametrize(
    ("upstream", "pinned"),
    [
        ("claude-sonnet-4-20250514", True),
        ("claude-3-5-haiku-20241022", True),
        ("claude-3-5-sonnet@20240620", True),
        ("claude-sonnet-4-0", False),
        ("claude-3-5-sonnet-latest", False),
        ("claude-opus-4-5", False),
        ("claude-opus-4", False),
        ("claude-sonnet-4-6", True),
        ("claude-opus-5", True),
        ("claude-opus-4-10", True),
        ("claude-mythos-preview", False),
        ("claude-sonnet-5-latest", False),
        ("claude-2.1", False),
        ("my-proxy-5", False),
        ("claude-opus-4-99999999", False),
    ],
)
def test_a_date_or_a_late_number_is_a_pin_and_an_alias_is_not(upstream, pinned):
    reason = unpinned(Config(), upstream)

    assert (reason is None) is pinned
    assert pinned or upstream in reason


@pytest.mark.parametrize("name", ["model", "messages", "stream", "system"])
def test_a_version_cannot_pin_what_is_no_parameter(name):
    hosted = {"upstream": MODEL, "parameters": {name: 1}}

    assert name in unfit(Config(), {"hosted": hosted})
