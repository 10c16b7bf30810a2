"""What strangers and insiders try with money: to spend more than there is."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from roadbed.core.actor import Principal
from roadbed.gateway.money.bank import Bank, counters
from roadbed.gateway.money.budgets import Budgets
from roadbed.gateway.money.rule import BudgetRule
from roadbed.gateway.money.scope import Scope
from roadbed.gateway.money.tariff import ATTO, Prices, Rate, Tariff, When
from roadbed.gateway.money.teller import Teller
from roadbed.server.governed import Means
from tests.server.house import (
    FOREVER,
    KEY,
    Adds,
    Echo,
    now_us,
    principal,
    serving,
    serving_house,
)
from tests.server.reusing import ask, behind, wait_for

CENT = Prices(((When(), Tariff(per_call=ATTO // 100)),))
ROLES = ("app", "platform-engineer", "security-admin", "researcher", "auditor")


def somebody(kind, name, **facts):
    return Principal(
        kind=kind, name=name, roles=frozenset(ROLES), expires_us=FOREVER,
        fresh_until_us=FOREVER, **facts,
    )  # fmt: skip


MANDATE = frozenset({"endpoint.infer", "version.infer"})
AGENT = somebody("agent", "triage", mandate=MANDATE)
CREDENTIALS = {
    KEY: principal("shop", "app"),
    "rbk_operator_1": somebody("service-account", "operator"),
    "rbk_person_1": somebody("user", "https://login.example.com#1f2e"),
    "rbk_agent_1": AGENT,
    "rbk_both_1": somebody("user", "https://login.example.com#2a2b", actors=(AGENT,)),
}
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
TENSOR = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]
}
ROUTES = {
    "chat": ("/v1/chat/completions", CHAT),
    "stream": ("/v1/chat/completions", {**CHAT, "stream": True}),
    "infer": ("/v2/models/adds/infer", TENSOR),
    "version": ("/v2/models/adds/versions/3/infer", TENSOR),
}


def budget(cents, **scope):
    return BudgetRule(
        name="all", tenant="default", amount=cents * 10_000_000, period="total",
        scope=Scope(**scope),
    )  # fmt: skip


def put(house, *rules, prices=CENT):
    """Serve endpoints at a price, under budgets."""
    before = serving(house.runners, keys=house.keys)
    deployments = {}
    for name, served in before.snapshot.deployments.items():
        first = served.choices[0]
        places = tuple(replace(p, prices=prices) for p in first.upstreams)
        choice = replace(first, upstreams=places)
        deployments[name] = replace(served, choices=(choice,))
    snapshot = replace(before.snapshot, deployments=deployments, budgets=rules)
    house.on_loop(house.switch.swap, replace(before, snapshot=snapshot))


@pytest.fixture
def house(sqlite_database):
    purse = Budgets(Teller(Bank(sqlite_database, "one"), now_us), now_us)
    runners = {"echo": Echo(), "adds": Adds()}
    with serving_house(
        runners=runners, keys=CREDENTIALS, means=Means(purse=purse)
    ) as made:
        yield made


def call(house, credential, route):
    path, body = ROUTES[route]
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    headers = {"Authorization": f"Bearer {credential}"}
    connection.request("POST", path, json.dumps(body), headers)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply.status, dict(reply.getheaders()), text


def test_a_burst_cannot_overspend_a_budget(house, sqlite_database):
    """Case 25: 40 calls at once, by everybody in every way: what fits and no more."""
    put(house, budget(7))
    ways = [(c, r) for c in CREDENTIALS for r in ROUTES] * 2
    with ThreadPoolExecutor(len(ways)) as pool:
        ends = list(pool.map(lambda way: call(house, *way)[0], ways))

    assert sorted(set(ends)) == [200, 429]
    assert ends.count(200) == 7
    house.last()
    paid = [r for r in house.kept if r.cost_nano]
    assert [r.cost_nano for r in paid] == [10_000_000] * 7
    assert all(r.price for r in paid)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_no_credential_is_exempt_on_any_route(house, credential, route):
    put(house, budget(1))

    first, second = call(house, credential, route), call(house, credential, route)

    assert first[0] == 200, first
    assert second[0] == 429, second
    assert b"budget" in second[2]
    assert {k.lower(): v for k, v in second[1].items()}["x-should-retry"] == "false"


def test_a_refusal_is_told_as_openai_tells_of_an_empty_account(house):
    put(house, budget(1))
    call(house, KEY, "chat")

    error = json.loads(call(house, KEY, "chat")[2])["error"]

    assert error["code"] == error["type"] == "insufficient_quota"
    assert "'all' of $0.01 has not enough left" in error["message"]


def test_whoever_a_budget_is_not_about_is_never_refused(house):
    put(house, budget(1, principal="service-account:operator"))
    call(house, "rbk_operator_1", "chat")

    ends = [call(house, c, r)[0] for c in CREDENTIALS for r in ROUTES]

    assert ends.count(429) == len(ROUTES)
    assert ends.count(200) == len(ends) - len(ROUTES)


def test_what_costs_nothing_passes_when_the_budget_is_spent(house):
    put(house, budget(1))
    call(house, KEY, "chat")
    assert call(house, KEY, "chat")[0] == 429

    put(house, budget(1), prices=Prices(((When(), Tariff()),)))

    assert call(house, KEY, "chat")[0] == 200


def test_an_agent_spends_its_budget_whoever_it_acts_for(house, sqlite_database):
    put(house, budget(2, agent="triage"))

    ends = [call(house, c, "infer")[0] for c in ("rbk_agent_1", "rbk_both_1") * 2]

    assert ends == [200, 200, 429, 429]
    with sqlite_database.read() as connection:
        assert (
            sum(c.leased for c in counters(connection, ["all"]).values()) == 20_000_000
        )


@pytest.mark.parametrize("how", ["usage-absurd", "usage-negative", "no-usage"])
def test_no_upstream_can_empty_a_budget_or_be_free(sqlite_database, how):
    """Pain 5: tokens that cannot be so many, or are none, are estimated and paid."""
    purse = Budgets(Teller(Bank(sqlite_database, "one"), now_us), now_us)
    dollar = Rate(ATTO)
    prices = Prices(((When(), Tariff(input=dollar, output=dollar)),))
    with behind(how, keys=CREDENTIALS, means=Means(purse=purse)) as (house, client):
        put(house, budget(100), prices=prices)
        for stream in (False, True):
            assert ask(client, stream=stream).http_response.read()
        records = wait_for(house, 2)

    assert [r.status for r in records] == ["ok", "ok"]
    assert {r.estimated for r in records} == {1}
    assert all(0 < r.cost_nano < 1_000_000 for r in records)
