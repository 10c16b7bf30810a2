"""Kept answers, answers in need, and who waits: over real sockets."""

import asyncio
import json
import time

import openai
import pytest
from openai import AsyncOpenAI

from roadbed.core.errors import Unavailable
from roadbed.gateway.reuse.shed import Shed
from roadbed.server.governed import Means
from tests.server.house import KEY, Adds, Echo, Endless, Fails, principal
from tests.server.reusing import HELLO, ask, behind, client_of, house_of

CACHE = {"cache": {"ttl_s": 60, "stale_s": 600}}
OTHER = "rbk_other_secret"


def test_the_second_answer_is_the_first_and_costs_nothing():
    with behind("well", terms=CACHE) as (house, client):
        first, second = ask(client), ask(client)
        asked = len(house.upstream.requests)
        record = house.last(second.headers["x-roadbed-call"])

    assert asked == 1
    assert first.parse() == second.parse()
    assert first.headers["x-roadbed-cache"] == "miss"
    assert second.headers["x-roadbed-cache"] == "hit"
    assert second.headers["age"] == "0"
    assert (record.cache, record.output_tokens, record.cost_nano) == ("hit", 0, 0)


def test_a_kept_answer_is_streamed_or_whole_as_the_caller_likes():
    with behind("well", terms=CACHE) as (house, client):
        whole = ask(client).parse().choices[0].message.content
        raw = ask(client, stream=True, stream_options={"include_usage": True})
        events = list(raw.parse())
        asked = len(house.upstream.requests)

    assert asked == 1
    assert raw.headers["x-roadbed-cache"] == "hit"
    said = "".join(e.choices[0].delta.content or "" for e in events if e.choices)
    assert said == whole == "You said: hello there"
    assert events[-1].usage.completion_tokens == 4


def test_fifty_at_once_are_one_question():
    async def all_at_once(house):
        client = AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0)
        async with client:
            asking = (
                client.chat.completions.create(model="support", messages=HELLO)
                for _ in range(50)
            )
            return await asyncio.gather(*asking)

    with behind("slow-first-byte", terms=CACHE) as (house, _):
        answers = asyncio.run(all_at_once(house))
        asked = len(house.upstream.requests)
        caches = sorted(record.cache for record in house.kept)

    assert asked == 1
    assert {a.choices[0].message.content for a in answers} == {"You said: hello there"}
    assert caches == [""] + ["hit"] * 49


def test_the_probe_of_another_tenant_is_as_if_nobody_had_asked():
    keys = {OTHER: principal("shop", "app")}
    stranger = keys[OTHER]
    object.__setattr__(stranger, "tenant", "other")
    with behind("well", terms=CACHE, keys=keys) as (house, client):
        ask(client)
        with (
            client_of(house, OTHER) as theirs,
            pytest.raises(openai.NotFoundError) as raised,
        ):
            ask(theirs)
        record = house.last(raised.value.response.headers["x-roadbed-call"])

    assert "x-roadbed-cache" not in raised.value.response.headers
    assert record.cache == ""


def test_an_upstream_that_is_down_leaves_what_was_answered_before():
    terms = {"cache": {"ttl_s": 1, "stale_s": 600}}
    with behind("well", "500", terms=terms) as (house, client):
        ask(client)
        time.sleep(1.1)
        later = ask(client)
        record = house.last(later.headers["x-roadbed-call"])

    assert later.headers["x-roadbed-cache"] == "stale"
    assert int(later.headers["age"]) >= 1
    assert later.parse().choices[0].message.content == "You said: hello there"
    assert (record.status, record.cache) == ("ok", "stale")


def test_tensors_are_kept_too():
    body = {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}
        ]
    }
    with house_of({"adds": Adds()}, {"adds": CACHE}) as house, client_of(house) as sdk:
        told = [
            sdk.with_options()._client.post(
                f"{house.url}/v2/models/adds/infer",
                json=body | {"id": f"r{n}"},
                headers={"authorization": f"Bearer {KEY}"},
            )
            for n in range(2)
        ]

    assert [t.headers["x-roadbed-cache"] for t in told] == ["miss", "hit"]
    assert [t.json()["id"] for t in told] == ["r0", "r1"]
    assert told[0].json()["outputs"] == told[1].json()["outputs"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_in_need_is_marked_wherever_one_looks(stream):
    runners = {"support": Fails(Unavailable("down"))}
    terms = {"support": {"degrade": [{"message": "Back soon."}]}}
    with house_of(runners, terms) as house, client_of(house) as client:
        raw = ask(client, stream=stream)
        answer = raw.parse()
        if stream:
            said = "".join(c.choices[0].delta.content or "" for c in answer)
        else:
            said = answer.choices[0].message.content
        record = house.last(raw.headers["x-roadbed-call"])

    assert said == "Back soon."
    assert raw.headers["x-roadbed-degraded"] == "message"
    assert (record.status, record.degraded, record.finish) == ("ok", "message", "stop")


def test_a_smaller_model_is_on_record_as_the_one_that_answered():
    runners = {"support": Fails(Unavailable("down"))}
    terms = {"support": {"degrade": [{"model": "tiny@2"}]}}
    smaller = {"tiny@2": Echo("small")}
    with house_of(runners, terms, smaller=smaller) as house, client_of(house) as client:
        raw = ask(client)
        record = house.last(raw.headers["x-roadbed-call"])

    assert raw.parse().choices[0].message.content == "small: hello there"
    assert raw.headers["x-roadbed-degraded"] == "model:tiny@2"
    assert (record.model, record.degraded) == ("tiny@2", "model:tiny@2")
    assert record.output_tokens == 3


def test_a_full_replica_turns_away_the_least_urgent():
    endless = Endless()
    runners = {"support": endless, "urgent": Echo()}
    terms = {"urgent": {"priority": "critical"}}
    means = Means(shed=Shed(2))
    with house_of(runners, terms, means=means) as house, client_of(house) as client:
        stream = ask(client, stream=True).parse()
        next(iter(stream))
        with pytest.raises(openai.APIStatusError) as low:
            ask(client, extra_headers={"x-roadbed-priority": "low"})
        urgent = ask(client, "urgent").parse()
        with pytest.raises(openai.APIStatusError) as meek:
            ask(client, "urgent", extra_headers={"x-roadbed-priority": "low"})
        with pytest.raises(openai.BadRequestError) as wrong:
            ask(client, "urgent", extra_headers={"x-roadbed-priority": "first"})
        endless.enough.set()
        list(stream)
        for _ in range(3):
            house.last(low.value.response.headers["x-roadbed-call"])

    assert low.value.status_code == meek.value.status_code == 503
    assert low.value.body["code"] == "overloaded"
    assert low.value.response.headers["retry-after"] == "1"
    assert low.value.response.headers["x-should-retry"] == "true"
    assert urgent.choices[0].message.content == "echo: hello there"
    assert "critical" in json.dumps(wrong.value.body)
    assert means.shed.under_way == 0
