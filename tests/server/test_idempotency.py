"""Idempotency keys, sent by the real SDK to two replicas of one database."""

import asyncio
import json
import threading
import time

import openai
import pytest
from openai import AsyncOpenAI

from roadbed.core.errors import Unavailable
from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate
from roadbed.gateway.reuse.keys import Keys
from roadbed.inference.call import Chunk, Usage
from roadbed.server.governed import Means
from tests.server.house import KEY, Fails, Runner, now_us
from tests.server.reusing import (
    HELLO,
    ask,
    client_of,
    house_of,
    leave_after,
    request_bytes,
    wait_for,
)

NAMED = {"Idempotency-Key": "order-17"}


class Counted(Runner):
    """Says how often it was asked, once it may."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    async def send(self, call):
        self.asked += 1
        said = f"answer {self.asked}"
        yield Chunk(text=said[:3])
        await asyncio.to_thread(self.go.wait, 20)
        usage = Usage(input_tokens=2, output_tokens=3)
        yield Chunk(text=said[3:], usage=usage, finish="stop")


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    migrate(opened)
    yield opened
    opened.close()


def replica(runner, database):
    return house_of({"support": runner}, {}, means=Means(keys=Keys(database, now_us)))


def test_two_replicas_give_one_answer_to_one_key(database):
    async def everywhere(houses):
        clients = [
            AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0)
            for house in houses
        ]
        asking = [
            client.chat.completions.create(
                model="support", messages=HELLO, extra_headers=NAMED
            )
            for client in clients * 5
        ]
        tasks = [asyncio.ensure_future(one) for one in asking]
        await asyncio.sleep(0.2)
        runner.go.set()
        return await asyncio.gather(*tasks)

    runner = Counted()
    runner.go.clear()
    with replica(runner, database) as one, replica(runner, database) as two:
        answers = asyncio.run(everywhere([one, two]))
        caches = sorted(record.cache for record in [*one.kept, *two.kept])

    assert runner.asked == 1
    assert {a.choices[0].message.content for a in answers} == {"answer 1"}
    assert caches == [""] + ["replay"] * 9


@pytest.mark.parametrize("stream", [False, True])
def test_a_replay_says_so_and_costs_nothing(database, stream):
    def said(raw):
        answer = raw.parse()
        if not stream:
            return answer.choices[0].message.content
        return "".join(c.choices[0].delta.content or "" for c in answer)

    runner = Counted()
    with replica(runner, database) as house, client_of(house) as client:
        first = ask(client, stream=stream, extra_headers=NAMED)
        text = said(first)
        second = ask(client, stream=stream, extra_headers=NAMED)
        assert said(second) == text == "answer 1"
        record = house.last(second.headers["x-roadbed-call"])

    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert (record.cache, record.output_tokens, record.status) == ("replay", 0, "ok")


def test_another_request_with_the_key_is_422_in_the_callers_dialect(database):
    with replica(Counted(), database) as house, client_of(house) as client:
        ask(client, extra_headers=NAMED)
        with pytest.raises(openai.UnprocessableEntityError) as raised:
            ask(client, temperature=0.1, extra_headers=NAMED)

    assert raised.value.body["code"] == "idempotency_key_reused"
    assert "make a new key" in raised.value.body["message"]
    assert raised.value.response.headers["x-should-retry"] == "false"


def test_an_error_that_may_have_cost_something_is_told_again(database):
    broke = Unavailable("the connection broke")
    with replica(Fails(broke), database) as house, client_of(house) as client:
        with pytest.raises(openai.InternalServerError):
            ask(client, extra_headers=NAMED)
        with pytest.raises(openai.InternalServerError) as second:
            ask(client, extra_headers=NAMED)

    assert second.value.response.headers["x-should-retry"] == "false"
    assert second.value.response.headers["idempotent-replayed"] == "true"
    assert "first request with this key" in second.value.body["message"]


def test_who_left_in_the_middle_comes_back_for_the_answer(database):
    runner = Counted()
    runner.go.clear()
    body = json.dumps({"model": "support", "messages": HELLO, "stream": True}).encode()
    request = request_bytes(body, headers="idempotency-key: order-17\r\n")
    with replica(runner, database) as house:
        leave_after(house, request, b"ans")
        time.sleep(0.05)
        runner.go.set()
        told = house.raw(
            request.replace(b"content-type", b"connection: close\r\ncontent-type")
        )
        records = wait_for(house, 2)

    assert runner.asked == 1
    assert b"idempotent-replayed: true" in told
    assert b"[DONE]" in told
    assert sorted(r.status for r in records) == ["cancelled", "ok"]
    assert {r.status: r.output_tokens for r in records} == {"cancelled": 3, "ok": 0}
