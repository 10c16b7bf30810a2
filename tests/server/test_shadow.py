"""A whole line in the shadow: copies cost what they cost, and count for nobody."""

import json
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from roadbed.gateway.history import CallQuery
from roadbed.gateway.money.bank import counters
from roadbed.rollouts import store
from roadbed.rollouts.mirror import budget_of
from roadbed.rollouts.shadowed import agreement
from roadbed.rollouts.tables import rollout_tallies
from roadbed.rollouts.tally import merged
from roadbed.rollouts.told import whole
from roadbed.testing.upstream import Upstream
from tests import waiting
from tests.control.stacks import OPERATOR, resource
from tests.served_line import serving

until = partial(waiting.until, seconds=20)

SIDES = ("old", "new")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BODY = {"model": "support", "messages": [{"role": "user", "content": "a question"}]}


def stack(url, upstream, pin, more=""):
    config = f"{{type: openai, config: {{base_url: '{url}', private: true}}}}"
    hosted = f"{{owner: us, hosted: {{provider: up, upstream: {upstream}}}}}"
    price = "{prices: [{provider: up, upstream: 'gpt-*', input: '1', output: '1'}]}"
    return [
        OPERATOR,
        resource("Provider", "up", config),
        resource("Model", "m", hosted),
        resource("PriceList", "list", price),
        resource("Endpoint", "support", f"model: {pin}\n{more}"),
    ]


SHADOW = """\
rollout:
  strategy: canary
  shadow: {percent: 100, units: 5, budget: "1.00"}
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A line whose endpoint answers by m@1, in the shadow of m@2."""
    with Upstream() as upstream:
        first = stack(upstream.url, "gpt-test-2024-08-06", "m@1")
        # Looks take tallies away, and end a shadow that was begun by hand.
        more = {"rollout_look_s": 3600.0}
        with serving(tmp_path_factory.mktemp("line"), *first, **more) as served:
            served.apply(*stack(upstream.url, "gpt-test-2025-01-01", "m@2", SHADOW))
            with served.app.database.write() as connection:
                begun = store.active(connection, "support")
                state = replace(begun.state, phase="shadow", revision=9)
                now_us = served.app.now_us()
                store.change(connection, begun, state, "system", {}, now_us)
            until(lambda: arms(served) and arms(served).mirrored)
            served.upstream = upstream
            yield served


def arms(line):
    serving_ = line.parts.switch.serving
    return serving_.snapshot.deployments["support"].arms


def ask(line, **headers):
    status, told, _ = line.ask(
        "POST", "/v1/chat/completions", line.key, BODY, headers or None
    )
    assert status == 200
    return told["x-roadbed-call"]


def copies(line, call_id):
    found = line.app.calls.search(CallQuery(endpoint="support", limit=200))
    return [r for r in found if r.labels.get("mirrors") == call_id]


def test_a_copy_is_answered_by_the_newer_version_and_nobody_is_told(line):
    call_id = ask(line)
    (copy,) = until(lambda: copies(line, call_id))
    call = line.app.calls.find(call_id).record
    models = [
        json.loads(request.body)["model"] for request in line.upstream.requests[-2:]
    ]

    assert (call.model, call.arm) == ("m@1", "old")
    assert (copy.model, copy.arm) == ("m@2", "mirrored")
    assert (copy.rollout, copy.bucket) == (call.rollout, call.bucket)
    assert copy.labels["agrees"] == "yes"
    assert models == ["gpt-test-2024-08-06", "gpt-test-2025-01-01"]


def test_feedback_by_the_trace_is_of_the_call_and_of_a_copy_there_is_none(line):
    call_id = ask(line, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    (copy,) = until(lambda: copies(line, call_id))
    assert copy.trace_id == TRACE

    said = {"trace": TRACE, "kind": "thumbs", "value": "up"}
    wrong = {"call": copy.call_id, "kind": "thumbs", "value": "up"}
    both = {"feedback": [said, wrong]}
    _, _, told = line.ask("POST", "/api/v1/feedback", line.key, both)
    first, second = told["results"]
    assert (first["call_id"], first["new"]) == (call_id, True)
    assert "copy of another" in second["error"]
    assert "mirrors" in second["hint"]


def test_copies_are_counted_apart_and_paid_from_a_budget_of_their_own(line):
    call_id = ask(line)
    until(lambda: copies(line, call_id))
    metrics = line.ask("GET", "/metrics", line.key)[2].decode()
    with line.app.database.read() as connection:
        begun = store.active(connection, "support")
    spent = agreement(line.app.calls, begun, line.app.now_us())
    wanted = f"/api/v1/cost?by=endpoint&since_us=0&until_us={2**62}"
    costs = line.ask("GET", wanted, line.key)[2]["costs"]
    by_name = {cost["name"]: cost for cost in costs}

    calls = by_name["support"]["calls"]
    assert f'status="ok"}} {calls}\n' in metrics
    assert f"roadbed_mirror_asked {spent.copies}\n" in metrics
    assert (spent.same, spent.other, spent.copies) == (calls, 0, calls)
    assert by_name["support (mirrored)"]["calls"] == calls
    name = budget_of(begun.id)

    def reported():
        with line.app.database.read() as connection:
            found = counters(connection, [name])
        (counter,) = found.values()
        return counter.spent(line.app.now_us()) == spent.cost_nano > 0

    until(reported)


def test_both_sides_are_tallied_as_pairs(line):
    with line.app.database.read() as connection:
        begun = store.active(connection, "support")
        before = tallied(connection, begun.id)
    call_id = ask(line)
    until(lambda: copies(line, call_id))

    def told():
        with line.app.database.read() as connection:
            return tallied(connection, begun.id) - before

    found = until(lambda: (both := told()).total() >= 2 and both)
    assert found["old"] == found["new"] >= 1  # Those of other tests may come as well.


def tallied(connection, rollout):
    rows = connection.execute(
        sa.select(rollout_tallies.c.body).where(rollout_tallies.c.rollout == rollout)
    )
    seen = merged([row.body for row in rows])
    return Counter(
        {side: sum(u.calls for u in seen if u.side == side) for side in SIDES}
    )


def test_who_looks_at_the_rollout_sees_how_often_answers_differ(line):
    call_id = ask(line)
    until(lambda: copies(line, call_id))
    with line.app.database.read() as connection:
        begun = store.active(connection, "support")
        told = whole(connection, begun, line.app.now_us(), line.app.calls)
        unasked = whole(connection, begun, line.app.now_us())

    assert told.copies.copies >= 1
    assert told.copies.other == 0
    assert unasked.copies is None
