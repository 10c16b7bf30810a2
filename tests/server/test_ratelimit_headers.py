"""What is left of a rate limit is told in the caller's dialect: the SDKs read it."""

from dataclasses import replace
from datetime import UTC, datetime

import anthropic
import openai
import pytest
from anthropic import Anthropic

from roadbed.gateway.money.limits import LimitRule
from roadbed.gateway.money.scope import Scope
from tests.server.house import KEY, Echo, serving, serving_house
from tests.server.reusing import HELLO, ask, client_of

RULES = [
    LimitRule(name="wide", scope=Scope(), requests_per_minute=1_000),
    LimitRule(
        name="narrow",
        scope=Scope(),
        requests_per_minute=3,
        input_tokens_per_minute=10_000,
        output_tokens_per_minute=500,
    ),
]


@pytest.fixture
def house():
    runners = {"echo": Echo()}
    with serving_house(runners=runners) as house:
        picture = serving(runners, keys=house.keys)
        snapshot = replace(picture.snapshot, limits=RULES)
        house.on_loop(house.switch.swap, replace(picture, snapshot=snapshot))
        yield house


def of_requests(headers):
    names = ("limit", "remaining", "reset")
    return [headers[f"x-ratelimit-{name}-requests"] for name in names]


def test_openais_client_reads_what_is_left_and_so_does_who_is_refused(house):
    with client_of(house) as client:
        told = [ask(client, "echo").headers for _ in range(2)]
        streamed = ask(client, "echo", stream=True).headers
        with pytest.raises(openai.RateLimitError) as raised:
            ask(client, "echo")

    assert of_requests(told[0]) == ["3", "2", "1m1s"]
    assert [of_requests(h)[1] for h in (told[1], streamed)] == ["1", "0"]
    assert of_requests(raised.value.response.headers)[:2] == ["3", "0"]
    assert told[0]["x-ratelimit-limit-tokens"] in ("500", "10000")
    assert not [name for name in told[0] if name.startswith("anthropic-")]


def test_anthropics_client_reads_each_kind_of_token(house):
    with Anthropic(base_url=house.url, api_key=KEY, max_retries=0) as client:
        messages = client.messages.with_raw_response
        asked = {"model": "echo", "max_tokens": 9, "messages": HELLO}
        told = [messages.create(**asked).headers for _ in range(3)]
        with pytest.raises(anthropic.RateLimitError) as raised:
            messages.create(**asked)

    first, last = told[0], told[-1]
    assert first["anthropic-ratelimit-requests-limit"] == "3"
    assert first["anthropic-ratelimit-requests-remaining"] == "2"
    reset = datetime.fromisoformat(first["anthropic-ratelimit-requests-reset"])
    assert reset > datetime.now(UTC)
    assert first["anthropic-ratelimit-input-tokens-limit"] == "10000"
    assert int(first["anthropic-ratelimit-input-tokens-remaining"]) < 10_000
    assert int(last["anthropic-ratelimit-output-tokens-remaining"]) < 500
    assert first["anthropic-ratelimit-tokens-limit"] in ("500", "10000")
    refused = raised.value.response.headers
    assert refused["anthropic-ratelimit-requests-remaining"] == "0"
    assert not [name for name in first if name.startswith("x-ratelimit")]
