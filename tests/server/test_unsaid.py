"""What a translation leaves out is told, kept on record, or refused: as declared."""

import json
from contextlib import contextmanager

import anthropic
import openai
import pytest
from anthropic import Anthropic

from roadbed.adapters.providers import anthropic as anthropic_provider
from roadbed.adapters.providers import openai as openai_provider
from roadbed.console.waterfall import money_of
from roadbed.testing.upstream import Upstream
from tests.server.house import KEY
from tests.server.reusing import HELLO, PINNED, ask, client_of, house_of

ODD = {"logit_bias": {"1": 2}, "seed": 7}


@contextmanager
def behind(module, path="", behaviours=("well",), **terms):
    """A house whose endpoint `support` is an upstream of the provider *module*."""
    with Upstream(*behaviours) as upstream:
        config = module.Config(base_url=upstream.origin + path, private=True)
        maker = module.provider(config, None, None)
        runners = {"support": maker.open(PINNED)}
        with house_of(runners, {"support": terms}) as house:
            house.upstream = upstream
            yield house
            house.wait(maker.close())


@pytest.fixture(scope="module")
def telling():
    with behind(anthropic_provider) as house:
        yield house


@pytest.mark.parametrize("stream", [False, True])
def test_openais_caller_is_told_what_anthropic_cannot_be_asked(telling, stream):
    with client_of(telling) as client:
        raw = ask(client, stream=stream, logprobs=None, **ODD)
        list(raw.parse())
    record = telling.last(raw.headers["x-roadbed-call"])

    assert raw.headers["x-roadbed-unsaid"] == "logit_bias, seed"
    assert (record.status, record.unsaid) == ("ok", "logit_bias, seed")


def test_nothing_is_told_where_all_was_said(telling):
    with client_of(telling) as client:
        raw = ask(client, temperature=0.5, user="me", metadata={"a": "b"})

    assert "x-roadbed-unsaid" not in raw.headers
    assert telling.last(raw.headers["x-roadbed-call"]).unsaid == ""


def test_the_same_dialect_says_everything():
    with behind(openai_provider, "/v1", unsaid="refuse") as house:
        with client_of(house) as client:
            raw = ask(client, **ODD)
        sent = house.upstream.requests[0].json()

    assert "x-roadbed-unsaid" not in raw.headers
    assert {name: sent[name] for name in ODD} == ODD


def test_a_name_that_could_break_a_header_is_not_repeated(telling):
    odd = {"a\r\nset-cookie: x": 1, "sk-" + "k" * 60: 2, "echo": 3}
    with client_of(telling) as client:
        raw = ask(client, extra_body=odd)

    assert raw.headers["x-roadbed-unsaid"] == "echo, 2 more"
    assert "set-cookie" not in raw.headers


def test_an_endpoint_may_refuse_openais_caller():
    with behind(anthropic_provider, unsaid="refuse") as house:
        with client_of(house) as client:
            with pytest.raises(openai.BadRequestError, match="logit_bias, seed"):
                ask(client, **ODD)
            refused = house.last()
            assert ask(client).parse().choices[0].message.content
        asked = len(house.upstream.requests)

    assert (refused.status, refused.error, asked) == ("error", "invalid", 1)


def test_an_endpoint_may_refuse_anthropics_caller():
    with (
        behind(openai_provider, "/v1", unsaid="refuse") as house,
        Anthropic(base_url=house.url, api_key=KEY, max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match="top_k") as raised,
    ):
        client.messages.create(
            model="support", max_tokens=9, messages=HELLO, extra_body={"top_k": 3}
        )

    assert raised.value.response.json()["type"] == "error"


def test_where_a_heartbeat_sent_the_headers_it_is_told_after_the_end():
    terms = {"heartbeat_s": 0.1}
    slow = ("slow-first-byte",)
    with behind(anthropic_provider, behaviours=slow, **terms) as house:
        body = {"model": "support", "stream": True, "messages": HELLO, "seed": 7}
        with client_of(house) as client:
            raw = client.chat.completions.with_raw_response.create(**body)
            text = raw.http_response.read().decode()

    assert "x-roadbed-unsaid" not in raw.headers
    assert text.endswith("\n: x-roadbed-unsaid: seed\n\n")


def test_it_is_shown_where_a_call_is_looked_at(telling):
    with client_of(telling) as client:
        raw = ask(client, **ODD)
    record = telling.last(raw.headers["x-roadbed-call"])
    facts = {fact.label: fact.value for fact in money_of(record)}

    assert facts["Left unsaid"] == "logit_bias, seed"
    assert json.loads(record.chain or "[]") == []
