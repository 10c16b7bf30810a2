"""Two versions of one endpoint: who is answered by which, over real sockets."""

import http.client
import json
from dataclasses import replace

import pytest
import tritonclient.http as oip

from roadbed.rollouts.assignment import bucket_of
from roadbed.rollouts.tally import merged
from roadbed.rollouts.tallying import Tallies
from tests.server.arms import (
    PLACER,
    STAFF,
    STRANGER,
    both,
    house_in_rollout,
    one,
    show,
)
from tests.server.house import KEY, Echo

HALF = 5_000
SHOP = "service-account:shop"


@pytest.fixture(scope="module")
def house():
    tallies = Tallies()
    with house_in_rollout() as made:
        made.watches.append(tallies.watch)
        made.tallies = tallies
        yield made


@pytest.fixture
def ask(house):
    """Ask `bot`; return the status, what was said or refused, and the record."""

    def send(path="/v1/chat/completions", key=KEY, model="bot", headers=None, **fields):
        asked = [{"role": "user", "content": "hi"}]
        body = {"model": model, "messages": asked, "max_tokens": 9, **fields}
        given = {"Authorization": f"Bearer {key}", **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
        connection.request("POST", path, json.dumps(body), given)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        record = house.last(answer.headers["x-roadbed-call"])
        return answer.status, _words(told), record

    return send


def _words(told):
    if "error" in told:
        return told["error"]["message"]
    if "choices" in told:
        return told["choices"][0]["message"]["content"]
    return told["content"][0]["text"]


def side(record):
    return record.rollout, record.arm


def named(where, salt="bot"):
    """Return somebody whose bucket is in the newer half, or in the older."""
    wanted = where == "new"
    names = (f"user-{n}" for n in range(1000))
    return next(n for n in names if (bucket_of(salt, n) < HALF) == wanted)


def test_who_calls_stays_with_one_version_and_it_is_on_record(house, ask):
    show(house, both(weight=HALF))
    expected = "new" if bucket_of("bot", SHOP) < HALF else "old"

    answers = [ask() for _ in range(3)]

    bucket = bucket_of("bot", SHOP) + 1
    for status, said, record in answers:
        assert (status, said) == (200, f"{expected}: hi")
        assert (side(record), record.bucket) == (("ro-1", expected), bucket)
        assert record.model == f"bot@{'2' if expected == 'new' else '1'}"


def test_a_widened_canary_keeps_whom_it_has(house, ask):
    bucket = bucket_of("bot", SHOP)
    seen = []
    for weight in (bucket, bucket + 1, 10_000):
        show(house, both(weight=weight))
        seen.append(side(ask()[2])[1])

    assert seen == ["old", "new", "new"]


@pytest.mark.parametrize(
    ("path", "unit", "headers", "fields"),
    [
        ("/v1/chat/completions", "user", {"X-Roadbed-User": "WHO"}, {}),
        ("/v1/chat/completions", "session", {"X-Roadbed-Session": "WHO"}, {}),
        ("/v1/chat/completions", "user", {}, {"user": "WHO"}),
        ("/v1/chat/completions", "user", {}, {"safety_identifier": "WHO"}),
        ("/v1/messages", "user", {}, {"metadata": {"user_id": "WHO"}}),
    ],
    ids=["header", "session", "openai", "openai-new", "anthropic"],
)
def test_a_unit_is_named_in_a_header_or_the_body(
    house, ask, path, unit, headers, fields
):
    show(house, both(weight=HALF, unit=unit))

    for where in ("new", "old"):
        name = named(where)
        said = json.loads(json.dumps([headers, fields]).replace("WHO", name))
        status, words, record = ask(path, headers=said[0], **said[1])

        assert (status, words, side(record)) == (200, f"{where}: hi", ("ro-1", where))
        assert record.bucket == bucket_of("bot", name) + 1


def test_a_header_counts_before_the_body(house, ask):
    show(house, both(weight=HALF, unit="user"))

    record = ask(headers={"X-Roadbed-User": named("new")}, user=named("old"))[2]

    assert side(record) == ("ro-1", "new")


@pytest.mark.parametrize("unit", ["call", "user", "session"])
def test_a_call_of_nobody_is_a_unit_of_its_own(house, ask, unit):
    show(house, both(weight=HALF, unit=unit))

    records = [ask(user=7, metadata=[])[2] for _ in range(3)]

    assert len({record.bucket for record in records}) > 1
    for record in records:
        assert record.bucket == bucket_of("bot", record.call_id) + 1


def test_a_call_by_itself_and_the_weight_it_came_under_are_told(house, ask):
    show(house, both(weight=HALF, unit="user"))
    named_ones = ({"user": "u1"}, {"headers": {"Idempotency-Key": "k1"}})
    for more in ({}, *named_ones):
        house.tallies.take()
        assert ask(**more)[0] == 200

        (seen,) = merged(house.tallies.take().values())

        assert (seen.alone, seen.weight) == (not more, HALF)


def test_only_those_who_are_first_are_part_of_it(house, ask):
    for only in ({"labels": (("team", "shop"),)}, {"accounts": ("staff",)}):
        show(house, both(weight=10_000, **only))

        assert side(ask(key=STAFF)[2]) == ("ro-1", "new")
        status, said, record = ask()
        assert (status, said, side(record)) == (200, "old: hi", ("", ""))
        assert ask(model="bot@2")[0] == 404


def test_who_was_first_keeps_the_version_and_proves_nothing(house, ask):
    """One of 10,000 gets it by now, and half of those who were the first."""
    few = {"weight": 1, "early": HALF, "labels": (("team", "shop"),), "unit": "user"}
    show(house, both(**few))
    house.tallies.take()

    for where in ("new", "old"):
        status, said, record = ask(key=STAFF, user=named(where))
        assert (status, said) == (200, f"{where}: hi")
        assert side(record) == ("ro-1", f"first-{where}")
    assert house.tallies.take() == {}
    assert side(ask(user=named("new"))[2]) == ("ro-1", "old")
    assert side(ask(model="bot@2")[2]) == ("ro-1", "placed-new")


def test_nobody_is_part_of_what_has_not_begun(house, ask):
    show(house, both(weight=0))
    assert side(ask()[2]) == ("", "")
    assert ask(model="bot@2")[0] == 404

    show(house, both(weight=0, mirrored=100))
    assert side(ask()[2]) == ("ro-1", "old")


@pytest.mark.parametrize("where", ["old", "new"])
def test_who_may_place_a_call_chooses_its_version(house, ask, where):
    for weight in (0, HALF, 10_000):
        show(house, both(weight=weight))

        status, said, record = ask(key=PLACER, headers={"X-Roadbed-Arm": where})

        assert (status, said) == (200, f"{where}: hi")
        assert side(record) == ("ro-1", f"placed-{where}")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_nobody_else_chooses(house, ask, path):
    show(house, both(weight=HALF))

    status, said, record = ask(path, headers={"X-Roadbed-Arm": "new"})

    assert (status, record.error) == (403, "permission_denied")
    assert f"{SHOP} may not do rollout.place on Endpoint/bot" in said
    assert side(record) == ("", "")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_what_is_no_choice_is_refused_in_the_callers_dialect(house, ask, path):
    show(house, both(weight=HALF))
    status, said, _ = ask(path, key=PLACER, headers={"X-Roadbed-Arm": "newer"})
    assert (status, said) == (
        400,
        "the header X-Roadbed-Arm does not say which version "
        "(write old or new, or leave it out)",
    )

    show(house, one(Echo("only"), 1))
    status, said, _ = ask(path, key=PLACER, headers={"X-Roadbed-Arm": "new"})
    assert status == 400
    assert "has one version to answer with now" in said
    assert ask(path, headers={"X-Roadbed-Arm": "new"})[0] == 403


def test_a_version_that_is_asked_for_by_number_answers_and_proves_nothing(house, ask):
    show(house, both(weight=HALF))

    for number, where in ((1, "old"), (2, "new")):
        status, said, record = ask(model=f"bot@{number}")
        assert (status, said) == (200, f"{where}: hi")
        assert side(record) == ("ro-1", f"placed-{where}")
    assert ask(model="bot@3")[0] == 404


@pytest.mark.parametrize(
    ("arms", "numbers"),
    [
        ({"weight": HALF}, {"1", "2"}),
        ({"weight": 0, "mirrored": 100}, {"1"}),
        ({"weight": HALF, "accounts": ("shop",)}, {"1", "2"}),
        ({"weight": HALF, "accounts": ("other",)}, {"1"}),
    ],
)
def test_what_can_be_asked_for_by_number_is_shown(house, arms, numbers):
    """As `tritonclient` asks before it sends: is this version ready, what is it?"""
    show(house, both(**arms))
    with oip.InferenceServerClient(f"127.0.0.1:{house.port}") as client:
        auth = {"Authorization": f"Bearer {KEY}"}
        shown = client.get_model_metadata("bot", headers=auth)
        ready = {n for n in "123" if client.is_model_ready("bot", n, headers=auth)}
        told = [client.get_model_metadata("bot", n, headers=auth) for n in ready]

    assert set(shown["versions"]) == ready == numbers
    assert all(each["name"] == "bot" for each in told)


def test_a_number_that_both_have_chooses_neither(house, ask):
    show(house, both(weight=10_000, numbers=(1, 1), models=("bot", "talk")))

    assert side(ask(model="bot@1")[2]) == ("ro-1", "new")


def test_another_tenants_endpoint_tells_nothing_of_its_rollout(house, ask):
    show(house, both(weight=HALF))
    told = [
        ask(key=STRANGER, model=name, headers=headers)
        for name in ("bot", "nothing")
        for headers in ({}, {"X-Roadbed-Arm": "new"})
    ]

    assert {side(record) for _, _, record in told} == {("", "")}
    assert len({(t[0], t[1].replace("nothing", "bot")) for t in told}) == 1


def test_the_decision_is_about_the_version_that_answers(house, ask):
    """What the newer version is not for is refused to whoever falls to it."""
    closed = both(weight=HALF, unit="user", models=("bot", "talk"))
    new = closed.arms.newer
    kept = replace(new.choices[0], attributes={"infer_by": ["service-account:staff"]})
    arms = replace(closed.arms, newer=replace(new, choices=(kept,)))
    show(house, replace(closed, arms=arms))
    house.tallies.take()

    refused = ask(user=named("new"))
    allowed = [ask(user=named("old")), ask(key=STAFF, user=named("new"))]

    assert (refused[0], refused[2].model) == (403, "")
    assert [status for status, _, _ in allowed] == [200, 200]
    seen = merged(house.tallies.take().values())
    assert {(unit.side, unit.bad) for unit in seen} == {
        ("old", frozenset()),
        ("new", frozenset({"errors"})),
    }
