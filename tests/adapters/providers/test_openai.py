"""The openai provider, against a real server that also misbehaves."""

import asyncio
import json
import subprocess
import sys
import time

import msgspec
import pytest

from roadbed.adapters.providers.openai import Config, provider, unfit
from roadbed.adapters.secrets._resolver import Resolver
from roadbed.core.errors import (
    Invalid,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.core.secret import Secret
from roadbed.inference.call import TensorRequest, Usage
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
from roadbed.testing.upstream import Behaviour, Upstream
from roadbed.transport.http import connection, origin

KEY = "sk-canary-3f9a7c51e8d2"
MODEL = "gpt-4o-2024-08-06"
REFERENCE = "secret://env/OPENAI_API_KEY"


class Place:
    """A place whose secret can be rotated: the first value goes when it was seen."""

    lifetime_s = 60.0

    def __init__(self, values):
        self.values = values

    def fetch(self, path):
        if not self.values:
            raise NotFound(f"nothing at {path}", hint="set it")
        return Secret(self.values.pop(0) if len(self.values) > 1 else self.values[0])

    def previous(self, path):
        return None


class Keys(Resolver):
    """Secrets that can be rotated."""

    def __init__(self, *values):
        self.values = list(values or (KEY,))
        super().__init__(lambda scheme: Place(self.values), ["env"])


def version(**hosted):
    definition = {"hosted": {"provider": "up", "upstream": MODEL} | hosted}
    return ModelVersion(model="bot", number=1, digest="sha256:0", definition=definition)


def opened(url, *, secrets=None, hosted=None, **config):
    made = provider(
        Config(base_url=url, api_key=REFERENCE, private=True, **config),
        None,
        secrets or Keys(),
    )
    return Opened(made, made.open(version(**(hosted or {}))))


def ask(upstream, request, *, deadline_ms=10_000, **how):
    both = opened(upstream.url, **how)
    return finish_with(both, answer(both.runner, request, deadline_ms=deadline_ms))


def error_of(behaviour, *, stream=False, **how):
    with Upstream(behaviour) as upstream, pytest.raises(RoadbedError) as raised:
        ask(upstream, chat_request("hello", stream=stream), **how)
    return raised.value


def events(chunks):
    told = b"".join(c.raw for c in chunks).removesuffix(b"\n\n").split(b"\n\n")
    return [json.loads(e[6:]) for e in told if e != b"data: [DONE]"]


class TestOpenAI(ProviderContract):
    @pytest.fixture
    def working(self):
        with Upstream() as upstream:
            yield opened(upstream.url)

    @pytest.fixture(params=["refuse", "500", "html-200", "malformed-json"])
    def broken(self, request):
        with Upstream(request.param) as upstream:
            yield opened(upstream.url)

    @pytest.fixture(params=["silent", "stall"])
    def silent(self, request):
        with Upstream(request.param) as upstream:
            yield opened(upstream.url)

    @pytest.fixture(params=["cut-clean", "no-done", "abort", "early-200-then-error"])
    def cut(self, request):
        with Upstream(request.param) as upstream:
            yield opened(upstream.url)


# What goes up.


def test_the_callers_fields_go_up_as_they_were_written():
    request = chat_request("hello", seed=7, metadata={"b": 1, "a": [None, 1.50]})
    with Upstream() as upstream:
        ask(upstream, request)

    sent = msgspec.json.decode(upstream.requests[0].body, type=dict[str, msgspec.Raw])
    assert bytes(sent.pop("model")) == b'"gpt-4o-2024-08-06"'
    assert {k: bytes(v) for k, v in sent.items()} == {
        k: bytes(v) for k, v in request.fields.items() if k != "model"
    }


def test_the_versions_prompt_is_the_first_message():
    with Upstream() as upstream:
        ask(upstream, chat_request("hello"), hosted={"prompt": "Be kind."})

    assert upstream.requests[0].json()["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hello"},
    ]


def test_the_versions_parameters_win_over_the_callers():
    hosted = {"parameters": {"temperature": 0, "max_tokens": 99}}
    with Upstream() as upstream:
        ask(upstream, chat_request("hello", temperature=2, top_p=0.5), hosted=hosted)

    sent = upstream.requests[0].json()
    assert (sent["temperature"], sent["max_tokens"], sent["top_p"]) == (0, 99, 0.5)


@pytest.mark.parametrize("name", ["model", "messages", "stream", "stream_options"])
def test_a_version_cannot_pin_what_is_no_parameter(name):
    with pytest.raises(Invalid, match=name):
        opened("http://127.0.0.1:9/v1", hosted={"parameters": {name: 1}})


@pytest.mark.parametrize(
    ("hosted", "reason"),
    [
        ({"upstream": ""}, "names no upstream"),
        ({"context": {"documents": {"files": []}}}, "would never be sent"),
    ],
)
def test_what_cannot_be_sent_is_refused_when_planned_and_when_opened(hosted, reason):
    with pytest.raises(Invalid, match=reason):
        opened("http://127.0.0.1:9/v1", hosted=hosted)

    assert reason in unfit(Config(), version(**hosted).definition)


def test_a_stream_always_asks_for_usage_and_keeps_the_callers_options():
    request = chat_request("hello", stream=True)
    raw = msgspec.Raw(b'{"include_usage": false, "include_obfuscation": false}')
    request.fields["stream_options"] = raw
    with Upstream() as upstream:
        ask(upstream, request)

    sent = upstream.requests[0].json()["stream_options"]
    assert sent == {"include_usage": True, "include_obfuscation": False}


def test_an_odd_stream_option_is_the_callers_mistake():
    request = chat_request("hello", stream=True)
    request.fields["stream_options"] = msgspec.Raw(b"[1]")

    with Upstream() as upstream, pytest.raises(Invalid, match="stream_options"):
        ask(upstream, request)


def test_tensors_are_refused_kindly():
    with Upstream() as upstream, pytest.raises(Invalid, match="chat completions"):
        ask(upstream, TensorRequest(inputs=()))


def test_opening_a_version_speaks_to_nobody():
    with Upstream() as upstream:
        opened(upstream.url)

    assert (upstream.connections, upstream.requests) == (0, [])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", ["well", "drip"])
def test_calls_share_their_connection(behaviour, stream, monkeypatch):
    monkeypatch.setattr(origin, "SOON_S", 10.0)
    monkeypatch.setattr(connection, "LINGER_S", 10.0)
    with Upstream(behaviour) as upstream:
        both = opened(upstream.url)

        async def thrice():
            for _ in range(3):
                await answer(both.runner, chat_request("hi", stream=stream))

        finish_with(both, thrice())

    assert upstream.connections == 1


# What comes down.


def test_a_whole_answer_is_one_chunk_with_the_upstreams_bytes():
    with Upstream(served="gpt-4o-2024-08-06-eu") as upstream:
        (chunk,) = ask(upstream, chat_request("good day"))

    body = json.loads(chunk.raw)
    assert body["choices"][0]["message"]["content"] == "You said: good day"
    assert (chunk.text, chunk.finish) == ("You said: good day", "stop")
    assert chunk.served == "gpt-4o-2024-08-06-eu"
    assert chunk.usage == Usage(input_tokens=2, output_tokens=4, cached_tokens=1)


def test_a_stream_is_events_and_ends_with_the_terminal_marker():
    with Upstream() as upstream:
        chunks = ask(upstream, chat_request("a b", stream=True, wants_usage=True))

    said = [e["choices"][0]["delta"] for e in events(chunks) if e["choices"]]
    assert [d["content"] for d in said if d] == ["", "You", " said:", " a", " b"]
    assert "".join(summary(chunks).text) == "You said: a b"
    assert all(c.raw.startswith(b"data: ") for c in chunks)
    assert all(c.raw.endswith(b"}\n\n") for c in chunks[:-1])
    assert (chunks[-1].raw, chunks[-1].finish) == (b"data: [DONE]\n\n", "stop")
    assert chunks[-1].usage == Usage(input_tokens=2, output_tokens=4, cached_tokens=1)


@pytest.mark.parametrize("wanted", [False, True])
def test_the_extra_usage_event_is_there_only_if_it_was_asked_for(wanted):
    with Upstream() as upstream:
        chunks = ask(upstream, chat_request("a", stream=True, wants_usage=wanted))

    extra = [e for e in events(chunks) if not e["choices"]]
    assert len(extra) == wanted
    assert summary(chunks).usage.output_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
def test_no_usage_is_invented(stream):
    with Upstream("no-usage") as upstream:
        chunks = ask(upstream, chat_request("a", stream=stream))

    assert all(c.usage is None for c in chunks)
    assert chunks[-1].finish == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_pass_through_and_are_on_record(stream):
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    with Upstream() as upstream:
        chunks = ask(upstream, chat_request("it", stream=stream, tools=tools))

    (call,) = summary(chunks).tools.values()
    assert call[:2] == ["call_1", "look_up"]
    assert json.loads(call[2]) == {"text": "You said: it"}
    assert chunks[-1].finish == "tool_calls"
    assert b"look_up" in b"".join(c.raw for c in chunks)


def test_events_survive_any_cut_of_the_network():
    with Upstream("drip") as dripping, Upstream() as steady:
        request = chat_request("grüße 🚂", stream=True)
        slow, fast = ask(dripping, request), ask(steady, request)

    assert events(slow) == events(fast)
    assert "".join(summary(slow).text) == "".join(summary(fast).text)
    assert slow[-1] == fast[-1]


def test_duplicate_events_are_passed_on_and_end_once():
    with Upstream("duplicate-chunks") as upstream:
        chunks = ask(upstream, chat_request("a", stream=True))

    assert "".join(summary(chunks).text) == "YouYou said: said: a a"
    assert len(events(chunks)) == 2 * 5
    assert [c.finish for c in chunks if c.finish] == ["stop"]


# What goes wrong.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("refuse", Unavailable),
        ("500", Unavailable),
        ("503", Unavailable),
        ("401", Unavailable),
        ("403", Unavailable),
        ("400", Refused),
        ("rate-limited", RateLimited),
        ("redirect", ProviderError),
        ("html-200", ProviderError),
        ("malformed-json", ProviderError),
        ("wrong-shape", ProviderError),
        ("cut-clean", Truncated),
        ("no-done", Truncated),
        ("abort", Truncated),
        ("early-200-then-error", Unavailable),
    ],
)
def test_each_misbehaviour_has_its_error(behaviour, kind, stream):
    assert type(error_of(behaviour, stream=stream)) is kind


@pytest.mark.parametrize(
    ("behaviour", "least", "most"),
    [
        ("rate-limited", 7, 7),
        ("rate-limited-date", 6, 8),
        ("rate-limited-ms", 0.25, 0.25),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(behaviour, least, most):
    error = error_of(behaviour)

    assert least <= error.retry_after_s <= most


def test_a_rate_limit_that_does_not_say_how_long_is_not_made_to():
    assert error_of("rate-limited-mute").retry_after_s is None


def test_a_refusal_repeats_the_upstreams_reason_and_status():
    error = error_of("400")

    assert "(400): Invalid 'temperature'." in error.message


def test_a_redirect_is_not_followed():
    error = error_of("redirect")

    assert "307" in error.message
    assert "base_url" in error.hint


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_over_the_limit_is_dropped(stream):
    big = Behaviour(pad=300_000)

    error = error_of(big, stream=stream, max_answer_bytes=100_000)

    assert "over 100000 bytes" in error.message


def test_a_slow_first_byte_is_waited_for_within_the_limit():
    with Upstream("slow-first-byte") as upstream:
        chunks = ask(upstream, chat_request("a"), first_byte_timeout_ms=5_000)

    assert chunks[-1].finish == "stop"
    assert "100 ms" in error_of("slow-first-byte", first_byte_timeout_ms=100).message


@pytest.mark.parametrize("stream", [False, True])
def test_silence_inside_an_answer_ends_at_the_idle_limit(stream):
    start = time.monotonic()

    error = error_of("stall", stream=stream, idle_timeout_ms=150)

    assert isinstance(error, TimedOut)
    assert "fell silent" in error.message
    assert time.monotonic() - start < 10


def test_a_drip_cannot_stretch_the_deadline():
    drip = Behaviour(piece=1, gap_s=0.05)

    error = error_of(drip, stream=True, deadline_ms=400)

    assert isinstance(error, TimedOut)
    assert "400 ms" in error.message


def test_time_spent_before_the_attempt_counts():
    with Upstream("silent") as upstream:
        both = opened(upstream.url)
        call = make_call(both.runner, chat_request("a"), deadline_ms=6_000)
        call.started_ns -= 9_000_000_000
        start = time.monotonic()
        with pytest.raises(TimedOut):
            finish_with(both, anext(both.runner.send(call)))

    assert time.monotonic() - start < 5


def test_the_environments_proxy_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Upstream() as upstream:
        chunks = ask(upstream, chat_request("a"))

    assert chunks[-1].finish == "stop"


def test_a_call_after_closing_is_unavailable():
    with Upstream() as upstream:
        both = opened(upstream.url)
        asyncio.run(both.provider.close())
        with pytest.raises(Unavailable, match="closed"):
            asyncio.run(answer(both.runner, chat_request("a")))


# The key.


def test_the_key_goes_into_one_header_and_nowhere_else():
    with Upstream() as upstream:
        ask(upstream, chat_request("a", stream=True))

    headers = dict(upstream.requests[0].headers)
    assert headers.pop("authorization") == f"Bearer {KEY}"
    assert KEY not in str(headers) + upstream.requests[0].body.decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "behaviour",
    ["well", "401", "403", "422-echo", "500", "refuse", "abort", "redirect", "stall"],
)
def test_the_key_is_in_no_message_no_repr_and_no_log(behaviour, stream, caplog):
    caplog.set_level(0)
    said = []
    with Upstream(behaviour) as upstream:
        both = opened(upstream.url, idle_timeout_ms=100)
        request = chat_request("a", stream=stream)
        try:
            said += finish_with(both, answer(both.runner, request))
        except RoadbedError as error:
            said += [error, error.message, error.hint, error.args, *_causes(error)]
    things = [both.provider, both.runner, both.provider.config, both.runner.metadata()]
    said += [*things, vars(both.runner), vars(both.provider), caplog.text]

    assert KEY not in "".join(f"{thing!s} {thing!r}" for thing in said)


def _causes(error):
    while error := error.__cause__ or error.__context__:
        yield from (error, error.args, vars(error))


def test_a_key_that_is_not_there_is_said_when_the_version_is_opened():
    keys = Keys()
    keys.values.clear()

    with pytest.raises(Unavailable, match="secret://env/OPENAI_API_KEY"):
        opened("http://127.0.0.1:9/v1", secrets=keys)


def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen():
    with pytest.raises(Unavailable) as raised:
        opened("http://127.0.0.1:9/v1", secrets=Keys(f"{KEY}\r\nX-Evil: 1"))

    assert KEY not in f"{raised.value!r} {raised.value.hint}"


def test_a_rotated_key_is_taken_within_the_call_that_saw_the_old_one_refused():
    with Upstream("401", "well") as upstream:
        both = opened(upstream.url, secrets=Keys("old-key", "new-key"))
        chunks = finish_with(both, answer(both.runner, chat_request("a")))

    sent = [r.headers["authorization"] for r in upstream.requests]
    assert sent == ["Bearer old-key", "Bearer new-key"]
    assert chunks[-1].finish == "stop"


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_key_that_is_refused_and_was_not_rotated_is_tried_once(status):
    with Upstream(status) as upstream:
        both = opened(upstream.url, secrets=Keys("only-key"))
        with pytest.raises(Unavailable, match=status):
            finish_with(both, answer(both.runner, chat_request("a")))

    assert len(upstream.requests) == 1


# The address.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_no_connection_leads_into_our_own_network_unless_the_config_says_so(host):
    with Upstream() as upstream:
        port = upstream.url.split(":")[2].split("/")[0]
        config = Config(base_url=f"https://{host}:{port}/v1", api_key=REFERENCE)
        made = provider(config, None, Keys())
        both = Opened(made, made.open(version()))
        with pytest.raises(Unavailable) as raised:
            finish_with(both, answer(both.runner, chat_request("a")))

    assert "private: true" in raised.value.hint
    assert upstream.requests == []


def test_no_redirect_is_followed_and_the_key_stays_with_the_declared_host():
    with Upstream() as other:
        moved = Behaviour(status=307, headers=(("location", other.url),), body="")
        with Upstream(moved) as upstream, pytest.raises(ProviderError, match="307"):
            ask(upstream, chat_request("a"))

    assert (len(upstream.requests), other.requests) == (1, [])


def test_without_a_reference_no_credential_is_sent():
    with Upstream() as upstream:
        made = provider(Config(base_url=upstream.url, private=True), None, Keys())
        both = Opened(made, made.open(version()))
        finish_with(both, answer(both.runner, chat_request("a")))

    assert "authorization" not in upstream.requests[0].headers


# Networks.


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid/v1", "http://127.0.0.1:9/v1", "http://[::1]:9"]
)
def test_an_upstream_that_is_not_there_is_unavailable(url):
    both = opened(url)

    with pytest.raises(Unavailable, match="cannot be reached"):
        finish_with(both, answer(both.runner, chat_request("a")))


def test_a_connection_that_is_never_made_is_not_waited_for():
    with Upstream() as upstream:  # it waits for a request; TLS waits for its hello
        url = upstream.url.replace("http:", "https:")
        both = opened(url, connect_timeout_ms=200)
        with pytest.raises(Unavailable, match="no connection in time"):
            finish_with(both, answer(both.runner, chat_request("a")))


def test_bad_http_is_a_provider_error():
    error = error_of(Behaviour(body="{}", headers=(("bad name", "x"),)))

    assert "proper HTTP" in error.message


@pytest.mark.filterwarnings("error")
def test_a_large_question_is_sent_whole():
    with Upstream() as upstream:
        ask(upstream, chat_request("long " * 600_000))

    assert len(upstream.requests[0].body) > 3_000_000


def test_importing_the_provider_loads_no_http_library():
    code = (
        "import sys, roadbed.adapters.providers.openai; print('aiohttp' in sys.modules)"
    )

    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert told.stdout == "False\n"


def test_a_key_whose_source_is_slow_is_not_waited_for_beyond_the_deadline():
    class Slow(Place):
        lifetime_s = 0.0

        def fetch(self, path):
            if self.values.pop() == "slow":
                time.sleep(1.5)
            return Secret(KEY)

    slow = Slow(["slow", "quick"])
    with Upstream() as upstream:
        secrets = Resolver(lambda scheme: slow, ["env"])
        both = opened(upstream.url, secrets=secrets)
        start = time.monotonic()

        async def ask_once():
            with pytest.raises(TimedOut):
                await answer(both.runner, chat_request("a"), deadline_ms=200)
            return time.monotonic() - start

        waited_s = finish_with(both, ask_once())

    assert waited_s < 1.2
    assert upstream.requests == []
