"""A newer version is asked too, once a call was answered, and nobody notices."""

import asyncio
import json
import time
from dataclasses import replace
from functools import partial

import pytest

from roadbed.core.clock import SystemClock
from roadbed.core.errors import Unavailable
from roadbed.dialects import openai
from roadbed.gateway.money.bank import Bank, counters
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.tariff import Prices, Tariff, When
from roadbed.gateway.money.teller import Teller
from roadbed.inference.call import Attempt, Call, Chunk, Outcome
from roadbed.inference.purse import FreeOfCharge
from roadbed.inference.snapshot import Arms, Choice, ModelVersion
from roadbed.inference.tensor import from_values
from roadbed.rollouts.mirror import budget_of
from roadbed.server.governed import Means
from roadbed.server.lane import WAITING
from roadbed.server.mirroring import Mirror
from roadbed.server.switch import Switch
from tests import waiting
from tests.server.house import (
    KEY,
    Adds,
    Echo,
    Fails,
    Runner,
    deployment,
    now_us,
    principal,
    serving,
    serving_house,
)

until = partial(waiting.until, seconds=15)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
BODY = {"model": "bot", "messages": [{"role": "user", "content": "Two  words"}]}


class Slow(Echo):
    """Answers once it may."""

    def __init__(self):
        super().__init__("slow")
        self.may, self.asked = asyncio.Event(), 0

    async def send(self, call):
        self.asked += 1
        await self.may.wait()
        async for chunk in super().send(call):
            yield chunk


class Halves(Runner):
    """Says half of what it is given, as a number and as a class."""

    async def send(self, call):
        (value,) = call.request.inputs[0].values()
        score = from_values("score", "FP32", [1], [value / 2])
        kind = from_values("kind", "INT64", [1], [int(value > 0)])
        yield Chunk(tensors=(score, kind), finish="stop")


def shadowed(older, newer, kind="hosted", **arms):
    """An endpoint of which a newer version is tried out in the shadow."""
    second = deployment("bot", newer, number=4, kind=kind)
    known = {"rollout": "ro-1", "salt": "bot", "mirrored": 10_000, "mirror_nano": 10**9}
    made = Arms(newer=second, **(known | arms))
    return replace(deployment("bot", older, kind=kind), arms=made)


class Shadow:
    """A house with an endpoint in the shadow of a newer version."""

    def __init__(self, older, newer, **arms):
        self.pairs = []
        self.served = shadowed(older, newer, **arms)

    def __enter__(self):
        self.serving = serving_house(runners={"bot": self.served}, means=self._means)
        self.house = self.serving.__enter__()
        return self

    def __exit__(self, *how):
        return self.serving.__exit__(*how)

    def _means(self, house):
        where = "test", SystemClock()
        mirror = Mirror(
            house.switch, FreeOfCharge(), house.log, where, seen=self.pairs.append
        )
        return Means(mirror=mirror)

    def ask(self, body=BODY, path="/v1/chat/completions", **headers):
        said = json.dumps(body)
        lines = {"Authorization": f"Bearer {KEY}", "Connection": "close", **headers}
        lines["Content-Length"] = str(len(said))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        asked = f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n{said}"
        return self.house.raw(asked.encode())

    @property
    def copies(self):
        return [r for r in self.house.kept if r.arm == "mirrored"]

    @property
    def calls(self):
        return [r for r in self.house.kept if r.arm != "mirrored"]

    @property
    def counts(self):
        return self.house.mirror.counts


def test_a_copy_is_a_call_of_its_own_in_the_trace_of_its_call():
    with Shadow(Echo("one"), Echo("other")) as shadow:
        answer = shadow.ask(**CALLER)
        (copy,) = until(lambda: shadow.copies)
        (call,) = shadow.calls
        asked = shadow.house.log.payloads[copy.call_id]

    assert b"one: Two  words" in answer
    assert (call.model, copy.model) == ("bot@3", "bot@4")
    assert copy.call_id != call.call_id
    assert (copy.trace_id, copy.parent_id) == (TRACE, call.span_id)
    assert copy.span_id not in ("", call.span_id)
    assert (copy.rollout, copy.arm, copy.bucket > 0) == ("ro-1", "mirrored", True)
    assert copy.labels == {"mirrored": "ro-1", "mirrors": call.call_id, "agrees": "no"}
    assert copy.principal == call.principal
    assert copy.status == "ok"
    assert json.loads(asked.request) == BODY
    assert "other: Two  words" in asked.response
    (pair,) = shadow.pairs
    assert (pair.call.call_id, pair.copy.call_id) == (call.call_id, copy.call_id)
    assert pair.agrees is False
    assert 'roadbed_calls_total{endpoint="bot",kind="llm",status="ok"} 1' in (
        shadow.house.metrics.text({})
    )


def test_spelling_is_no_disagreement_and_a_stream_is_read_to_its_end():
    with Shadow(Echo("Echo"), Echo("echo ")) as shadow:
        shadow.ask({**BODY, "stream": True})
        (copy,) = until(lambda: shadow.copies)

    assert (copy.stream, copy.finish, copy.labels["agrees"]) == (1, "stop", "no")
    with Shadow(Echo("ECHO"), Echo("echo")) as shadow:
        shadow.ask({**BODY, "stream": True})
        (copy,) = until(lambda: shadow.copies)
    assert copy.labels["agrees"] == "yes"


def test_a_failure_of_the_older_version_is_copied_too_and_one_of_the_newer_kept():
    failing = Fails(Unavailable("it is down"))
    with Shadow(failing, Echo()) as shadow:
        assert b" 502 " in shadow.ask()
        (pair,) = until(lambda: shadow.pairs)
    assert (pair.call.status, pair.copy.status) == ("error", "ok")
    with Shadow(Echo(), failing) as shadow:
        assert b" 200 " in shadow.ask()
        (pair,) = until(lambda: shadow.pairs)
    assert (pair.copy.status, pair.copy.error) == ("error", "provider_unavailable")
    assert pair.agrees is None


def test_no_answer_waits_for_a_copy_and_what_there_is_no_room_for_is_dropped():
    slow = Slow()
    with Shadow(Echo(), slow) as shadow:
        asked = 8 + WAITING + 5
        for _ in range(asked):
            assert b" 200 " in shadow.ask()
        until(lambda: shadow.house.mirror.gauges()["roadbed_mirror_dropped"][1] == 5)
        assert (slow.asked, shadow.copies) == (8, [])
        shadow.house.on_loop(slow.may.set)
        until(lambda: len(shadow.copies) == asked - 5)
        assert shadow.house.mirror.gauges()["roadbed_mirror_queued"][1] == 0


def test_what_is_under_way_ends_with_the_replica():
    slow = Slow()
    with Shadow(Echo(), slow) as shadow:
        shadow.ask()
        until(lambda: slow.asked)
        begun = time.monotonic()
    assert time.monotonic() - begun < 10
    assert [copy.status for copy in shadow.copies] == ["cancelled"]
    assert shadow.pairs == []


def test_only_what_chance_draws_is_copied():
    with Shadow(Echo(), Echo(), mirrored=0) as shadow:
        shadow.ask()
        until(lambda: shadow.calls)
    assert shadow.counts.asked == 0
    with Shadow(Echo(), Echo(), mirrored=5_000) as shadow:
        for _ in range(60):
            shadow.ask()
        until(lambda: len(shadow.house.kept) == 60 + shadow.counts.asked)
    assert 10 < shadow.counts.asked < 50  # 20 to 40 are within 2.6 standard errors


def test_a_rollout_that_moved_on_copies_nothing_more():
    slow = Slow()
    with Shadow(Echo(), slow) as shadow:
        for _ in range(9):
            shadow.ask()
        until(lambda: slow.asked == 8)
        house = shadow.house
        moved = serving({"bot": deployment("bot", Echo())}, revision=2)
        house.on_loop(house.switch.swap, moved)
        shadow.house.on_loop(slow.may.set)
        until(lambda: shadow.counts.asked + shadow.counts.unasked == 9)
        assert (shadow.counts.asked, shadow.counts.unasked) == (8, 1)


def test_who_may_not_ask_the_newer_version_is_not_copied():
    with Shadow(Echo(), Echo()) as shadow:
        served = shadow.served
        first = served.arms.newer.choices[0]
        foreign = replace(first, attributes={"tenant": "other"})
        newer = replace(served.arms.newer, choices=(foreign,))
        arms = replace(served.arms, newer=newer)
        house = shadow.house
        house.on_loop(
            house.switch.swap, serving({"bot": replace(served, arms=arms)}, revision=2)
        )
        assert b" 200 " in shadow.ask()
        until(lambda: shadow.counts.skipped == 1)
    assert shadow.copies == []
    assert shadow.house.audited == []  # Nobody asked for it.


@pytest.mark.parametrize(("older", "same"), [(Halves(), "yes"), (Adds(), "no")])
def test_predictions_are_copied_and_compared(older, same):
    body = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [3.0]}]
    }
    with Shadow(older, Halves(), kind="trained") as shadow:
        shadow.ask(body, "/v2/models/bot/infer")
        (copy,) = until(lambda: shadow.copies)
    assert (copy.kind, copy.model, copy.labels["agrees"]) == ("predict", "bot@4", same)
    assert copy.prediction == {"score": 1.5, "kind": 1.0}


def test_all_replicas_together_spend_no_more_than_the_budget(database):
    """Each answer costs 7,000 nano; of 100 and two replicas, the budget pays 14."""
    prices = Prices(((When(), Tariff(per_call=7_000 * 10**9)),))
    version = ModelVersion(
        model="bot", number=4, digest="sha256:4", definition={"hosted": {}}
    )
    dear = Choice.at(version, Echo("five more words to say"), "tiny")
    place = replace(dear.upstreams[0], prices=prices)
    served = shadowed(Echo(), Echo(), mirror_nano=100_000)
    newer = replace(served.arms.newer, choices=(replace(dear, upstreams=(place,)),))
    served = replace(served, arms=replace(served.arms, newer=newer))

    async def both():
        return await asyncio.gather(
            replica(database, served, "one"), replica(database, served, "two")
        )

    (one, first), (two, second) = asyncio.run(both())
    spent = sum(record.cost_nano for record in first + second)
    with database.read() as connection:
        (counter,) = counters(connection, [budget_of("ro-1")]).values()

    assert spent <= 100_000
    assert spent > 50_000
    assert counter.leased == counter.settled == spent
    assert one.counts.spent > 0
    assert two.counts.spent > 0
    assert {record.status for record in first + second} == {"ok"}


async def replica(database, served, name):
    """Offer fifty calls to one replica; return its mirror and what it recorded."""
    switch = Switch(lambda unused: None)
    switch.swap(serving({"bot": served}))
    purse = Budgets(Teller(Bank(database, name), now_us), now_us)
    kept = Log()
    mirror = Mirror(switch, purse, kept, ("test", SystemClock()))
    for number in range(50):
        offer(mirror, switch.snapshot, number)
        await asyncio.sleep(0.005)
    await mirror.idle()
    await mirror.close()
    await asyncio.to_thread(purse.close)
    return mirror, kept.records


class Log:
    """A call log that takes everything at once."""

    def __init__(self):
        self.records = []

    def put(self, record, payload, *, durable=True):
        assert not durable
        self.records.append(record)


def offer(mirror, snapshot, number):
    """Have a call copied that was answered just now."""
    name, request = openai.SPOKEN.read(json.dumps(BODY).encode())
    call = Call(
        id=f"test-{number}",
        received_us=now_us(),
        started_ns=time.monotonic_ns(),
        dialect="openai",
        endpoint=name,
        request=request,
        snapshot=snapshot,
        principal=principal("shop", "app"),
        deployment=snapshot.deployments[name],
        attempts=[Attempt(model="bot@3", provider="tiny", status="ok")],
    )
    mirror.finish(call, Outcome(status="ok", text=["echo"]))
    if call.then is not None:
        call.then()
