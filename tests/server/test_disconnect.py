"""Callers who leave at any moment: one record each, and the usage of what was said."""

import json
import re

import pytest

from roadbed.gateway.money.bank import Bank
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.tariff import ATTO, Prices, Rate, Tariff, When
from roadbed.gateway.money.teller import Teller
from roadbed.server.governed import Means
from roadbed.testing.upstream import Behaviour
from tests.server.house import Endless, now_us
from tests.server.reusing import (
    HELLO,
    behind,
    house_of,
    leave_after,
    read_some,
    request_bytes,
    wait_for,
)

BODY = json.dumps({"model": "support", "messages": HELLO, "stream": True}).encode()
REQUEST = request_bytes(BODY, headers="connection: close\r\n")
SLOW = Behaviour(piece=64, gap_s=0.0005)
STEP = 53


def sweep(house):
    """Leave after every STEP-th byte of the answer; return what came each time."""
    whole = house.raw(REQUEST)
    answers = [read_some(house, REQUEST, n) for n in range(0, len(whole), STEP)]
    assert [len(answer) for answer in answers] == list(range(0, len(whole), STEP))
    return [whole, *answers]


def shown(answer):
    """Return the call's id and the text that the caller has seen; "" for no id yet."""
    call = re.search(rb"x-roadbed-call: (\S+)\r\n", answer)
    text = b"".join(re.findall(rb'"content":"([^"]*)"', answer)).decode()
    return call[1].decode() if call else "", text


PRICES = Prices(((When(), Tariff(input=Rate(ATTO), output=Rate(2 * ATTO))),))
"""One dollar for a million tokens in, two for a million out."""


def paid(record):
    """Return what the tokens of *record* cost at PRICES; cached ones are free."""
    read = record.input_tokens - record.cached_tokens
    return read * 1000 + record.output_tokens * 2000


@pytest.mark.parametrize("on_disconnect", ["cancel", "drain"])
def test_leaving_at_any_byte_leaves_exactly_one_priced_record(
    on_disconnect, sqlite_database
):
    """Pain 7: whoever leaves when, the call is there once, and what it cost."""
    purse = Budgets(Teller(Bank(sqlite_database, "one"), now_us), now_us)
    how = {"on_disconnect": on_disconnect, "means": Means(purse=purse)}
    with behind(SLOW, prices=PRICES, **how) as (house, _):
        answers = sweep(house)
        calls = len(answers)
        records = wait_for(house, calls)
        asked = len(house.upstream.requests)
        payloads = dict(house.log.payloads)

    assert calls > 10
    assert {r.price for r in records} == {PRICES.periods[0][1].price}
    assert all(r.cost_nano > 0 for r in records)
    assert [r.cost_nano for r in records] == [paid(r) for r in records]
    assert len(records) == len({r.call_id for r in records}) == calls
    assert {r.status for r in records} <= {"ok", "cancelled"}
    assert records[0].status == "ok"
    gone = [r for r in records if r.status == "cancelled"]
    assert len(gone) > calls / 2
    if on_disconnect == "drain":
        assert asked == calls
        assert {r.output_tokens for r in records} == {4}
        assert {r.finish for r in records} == {"stop"}
    said = {k: json.loads(p.response)["text"] for k, p in payloads.items()}
    assert all("You said: hello there".startswith(text) for text in said.values())
    seen = dict(map(shown, answers))
    seen.pop("", None)
    assert len(seen) > calls / 2
    assert all(said[call].startswith(text) for call, text in seen.items())


def test_a_cancelled_upstream_is_let_go_of_at_once():
    endless = Endless()
    with house_of({"support": endless}, {}) as house:
        leave_after(house, REQUEST, b"word")
        stopped = endless.stopped.wait(10)
        record = house.last()

    assert stopped
    assert record.status == "cancelled"


def test_a_drained_upstream_is_read_to_its_end():
    endless = Endless()
    with house_of({"support": endless}, {}, on_disconnect="drain") as house:
        leave_after(house, REQUEST, b"word")
        early = endless.stopped.wait(0.3)
        before = len(house.kept)
        endless.enough.set()
        record = house.last()

    assert (early, before) == (False, 0)
    assert (record.status, record.finish) == ("cancelled", "stop")


def test_a_server_that_stops_waits_for_what_is_drained_but_not_for_ever():
    endless = Endless()
    with house_of(
        {"support": endless}, {}, on_disconnect="drain", drain_seconds=1
    ) as house:
        leave_after(house, REQUEST, b"word")

    assert endless.stopped.is_set()
    assert [r.status for r in house.kept] == ["cancelled"]


def test_who_asks_for_a_whole_answer_and_leaves_is_drained_too():
    body = json.dumps({"model": "support", "messages": HELLO}).encode()
    with behind("slow-first-byte", on_disconnect="drain") as (house, _):
        read_some(house, request_bytes(body), 0)
        record = house.last(timeout_s=10)

    assert (record.status, record.output_tokens) == ("cancelled", 4)
