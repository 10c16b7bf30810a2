"""Real callers and real upstreams that fail: who answers, and what is told."""

import json
import time

import openai
import pytest

from roadbed.testing.upstream import Behaviour
from tests.gateway.attempts.fleet import DEAD, HELLO, SAID, fleet

BRIEF = Behaviour(status=429, body="{}", headers=(("retry-after-ms", "150"),))


def said(stream):
    return "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "how",
    [
        DEAD,
        "500",
        "503",
        "401",
        "html-200",
        "malformed-json",
        "redirect",
        "rate-limited-mute",
        "rate-limited",
        pytest.param(Behaviour(keep=0, ending="close"), id="empty-close"),
        pytest.param(Behaviour(keep=0, ending="reset"), id="empty-reset"),
        pytest.param(Behaviour(keep=1, ending="close"), id="role-then-close"),
        pytest.param(Behaviour(keep=1, ending="error"), id="role-then-error"),
    ],
)
def test_the_second_answers_when_the_first_does_not(how, stream):
    """Pain 10: a fallback fires on a stream as on a whole answer."""
    with fleet({"a": how}, {"b": "well"}, retries=0) as line:
        answer = line.ask(stream=stream)
        text = said(answer) if stream else answer.choices[0].message.content
        record = line.house.last()

    assert text == SAID
    assert (record.status, record.model) == ("ok", "spare-2@1")
    assert (record.upstream, record.model_digest) == ("up/b", "sha256:2")
    assert [t["upstream"] for t in json.loads(record.chain)][-1] == "up/b"


def test_a_silent_first_is_left_within_its_first_token_deadline():
    """Pain 15: silence is bounded, and a silent route is not retried on itself."""
    terms = {"deadlines": {"first_token_ms": 1_000}}
    with fleet({"a": "silent"}, {"b": "well"}, **terms) as line:
        start = time.monotonic()
        answer = line.ask()
        took_s, asked = time.monotonic() - start, line.asked()

    assert answer.choices[0].message.content == SAID
    assert took_s < 5
    assert asked == {"a": 1, "b": 1}


def test_a_silent_stream_leaves_its_fallback_a_share_of_the_deadline():
    """Pain 15: nothing was declared but the deadline, and it is not waited for."""
    with fleet({"a": "silent"}, {"b": "well"}, deadline_ms=2_000) as line:
        text = said(line.ask(stream=True))
        tries = json.loads(line.house.last().chain)

    assert text == SAID
    assert [t["status"] for t in tries] == ["provider_timeout", "ok"]


def test_a_silent_place_leaves_the_next_one_a_share_of_the_deadline():
    """Pain 15: silence at one place is left for another place of the same version."""
    with fleet({"a": "silent", "b": "well"}, deadline_ms=1_600) as line:
        said_ = [said(line.ask(stream=True)) for _ in range(4)]
        asked = line.asked()

    assert said_ == [SAID] * 4
    assert asked["b"] == 4


def test_a_silent_route_alone_is_asked_once():
    """Pain 15: the caller is told at the deadline, and upstream is not asked again."""
    with fleet({"a": "silent"}, deadlines={"first_token_ms": 1_000}) as line:
        with pytest.raises(openai.APIStatusError) as raised:
            line.ask()
        asked = line.asked()

    assert raised.value.status_code == 504
    assert asked == {"a": 1}


@pytest.mark.parametrize("how", ["cut-clean", "abort", "early-200-then-error"])
def test_what_was_begun_is_not_switched(how):
    """Pain 10: after the first words the answer breaks, and says so."""
    with fleet({"a": how}, {"b": "well"}) as line:
        with pytest.raises(openai.APIError):
            said(line.ask(stream=True))
        record, asked = line.house.last(), line.asked()

    assert record.status in ("truncated", "error")
    assert record.model == "support@1"
    assert asked == {"a": 1, "b": 0}


def test_what_the_first_refuses_is_not_put_to_another():
    """Pain 11: a request that is wrong stays wrong, and its cause is seen."""
    with fleet({"a": "400"}, {"b": "well"}) as line:
        with pytest.raises(openai.BadRequestError, match="temperature"):
            line.ask()
        asked = line.asked()

    assert asked == {"a": 1, "b": 0}


def test_the_first_cause_is_told_with_the_chain():
    """Pain 11: the fallback's own refusal does not hide why it was asked."""
    with fleet({"a": "503"}, {"b": "400"}, retries=2) as line:
        with pytest.raises(openai.InternalServerError) as raised:
            line.ask()
        record = line.house.last()

    headers = raised.value.response.headers
    assert raised.value.status_code == 502
    assert headers["x-roadbed-attempts"] == "3"
    assert headers["x-roadbed-chain"] == (
        "support@1 at up/a: provider_unavailable (503), "
        "support@1 at up/a: provider_unavailable (503), "
        "spare-2@1 at up/b: provider_refused (400)"
    )
    assert "tried: support@1 at up/a" in raised.value.message
    assert "127.0.0.1" not in raised.value.message + headers["x-roadbed-chain"]
    assert (record.status, record.error) == ("error", "provider_unavailable")


def test_the_sdks_retries_do_not_multiply_ours():
    """Pain 12: SDK defaults times ours are ours alone, by `x-should-retry: false`."""
    with fleet({"a": "500"}, {"b": "503"}, retries=2) as line:
        with pytest.raises(openai.InternalServerError):
            line.ask()
        asked, records = line.asked(), len(line.house.kept)

    assert sum(asked.values()) == 3
    assert records == 1


@pytest.mark.parametrize("cap", [1, 2, 4])
def test_no_call_costs_more_attempts_than_its_endpoint_allows(cap):
    """Pain 12: one cap over retries and fallbacks."""
    terms = {"attempts": cap, "backoff_ms": 1}
    with fleet({"a": "500"}, {"b": DEAD}, {"c": "503"}, own=terms) as line:
        with pytest.raises(openai.InternalServerError) as raised:
            line.ask()
        tries = json.loads(line.house.last().chain)

    assert len(tries) == cap
    assert raised.value.response.headers["x-roadbed-attempts"] == str(cap)


def test_all_calls_together_retry_no_more_than_their_budget():
    """Pain 12: when everything fails, retries stay a small part of the calls."""
    terms = {"attempts": 2, "backoff_ms": 1, "budget_percent": 10}
    with fleet({"a": "500"}, own=terms) as line:
        for _ in range(40):
            with pytest.raises(openai.InternalServerError):
                line.ask()
        asked = line.asked()["a"]

    # Ten were saved up, forty calls earn four, and time earns one every ten seconds.
    assert 50 <= asked <= 40 + 10 + 4 + 6


def test_what_cost_nothing_upstream_is_not_paid_for_twice():
    """Pain 13: what was refused with a status is unbilled, and retried as such."""
    with fleet({"a": ("503", "well")}) as line:
        answer, asked = line.ask(), line.asked()
        record = line.house.last()

    assert answer.choices[0].message.content == SAID
    assert asked == {"a": 2}
    assert record.attempts == 2
    assert record.input_tokens == 2


def test_a_short_wait_is_waited_for():
    """Pain 14: we come back when we were asked to, and not before."""
    start = time.monotonic()
    with fleet({"a": (BRIEF, "well")}, {"b": "well"}) as line:
        headers = line.headers()
        took_s, asked = time.monotonic() - start, line.asked()

    assert took_s >= 0.15
    assert asked == {"a": 2, "b": 0}
    assert headers["x-roadbed-attempts"] == "2"
    assert headers["x-roadbed-model"] == "support@1"


@pytest.mark.parametrize("how", ["rate-limited", "rate-limited-date"])
def test_a_long_wait_is_spent_elsewhere(how):
    """Pain 14: who has a fallback does not wait for seven seconds."""
    with fleet({"a": how}, {"b": "well"}) as line:
        first, second = line.headers(), line.headers()
        asked = line.asked()

    assert first["x-roadbed-model"] == second["x-roadbed-model"] == "spare-2@1"
    assert asked == {"a": 1, "b": 2}, "the second call left it alone"


def test_a_wait_beyond_the_deadline_is_told_at_once():
    """Pain 14: the wait is re-emitted under its own name, to all who come meanwhile."""
    with fleet({"a": "rate-limited"}, deadline_ms=5_000) as line:
        waits = []
        for _ in range(2):
            with pytest.raises(openai.RateLimitError) as raised:
                line.ask()
            waits.append(raised.value.response.headers["retry-after"])
        asked = line.asked()

    assert waits[0] == "7"
    assert waits[1] in ("6", "7")
    assert asked == {"a": 1}


def test_a_second_place_stands_in_for_the_first():
    with fleet({"a": DEAD, "b": "well"}) as line:
        models = {line.headers()["x-roadbed-model"] for _ in range(12)}
        asked = line.asked()

    assert models == {"support@1"}
    assert asked["b"] == 12


def test_a_hedge_answers_for_one_that_is_slow():
    """Pain 15: where it is declared, slowness costs the caller the hedge's delay."""
    slow = Behaviour(wait_s=20)
    with fleet({"a": slow}, {"b": "well"}, hedge={"after_ms": 50}) as line:
        start = time.monotonic()
        headers = line.headers()
        took_s = time.monotonic() - start
        tries = json.loads(line.house.last().chain)

    assert took_s < 5
    assert headers["x-roadbed-model"] == "spare-2@1"
    assert [(t["status"], t.get("hedge", False)) for t in tries] == [
        ("lost", False),
        ("ok", True),
    ]


def test_a_fast_answer_is_not_hedged():
    with fleet({"a": "well"}, {"b": "well"}, hedge={"after_ms": 5_000}) as line:
        text, asked = said(line.ask(stream=True)), line.asked()

    assert text == SAID
    assert asked == {"a": 1, "b": 0}


def test_calls_with_tools_are_not_asked_twice_at_once():
    tool = {"type": "function", "function": {"name": "pay", "parameters": {}}}
    slow = Behaviour(wait_s=0.3)
    with fleet({"a": slow}, {"b": "well"}, hedge={"after_ms": 20}) as line:
        line.ask(tools=[tool])
        asked = line.asked()

    assert asked == {"a": 1, "b": 0}


def test_a_caller_who_leaves_ends_all_attempts():
    slow = Behaviour(wait_s=30)
    with fleet({"a": slow}, {"b": slow}, hedge={"after_ms": 20}) as line:
        impatient = line.client.with_options(timeout=0.5)
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(model="support", messages=HELLO)
        record = line.house.last()

    assert record.status == "cancelled"
    assert {t["status"] for t in json.loads(record.chain)} <= {"lost", "cancelled"}


def test_the_waterfall_says_where_the_time_went():
    with fleet({"a": (BRIEF, "well")}) as line:
        line.ask()
        record = line.house.last()

    assert set(record.stages) == {"admit", "hold", "failed", "wait", "first", "answer"}
    assert record.stages["wait"] >= 140_000
    assert sum(record.stages.values()) <= record.latency_us + 1_000
