"""Where the time and the money of one call went."""

import msgspec
from hypothesis import given

from roadbed.console.waterfall import money_of, waterfall_of
from roadbed.testing.history_contract import a_record, any_records

TRIES = [
    {"model": "m@1", "provider": "up", "upstream": "up/a", "status": "rate_limited",
     "started_us": 100, "latency_us": 400},
    {"model": "small@1", "provider": "down", "status": "ok",
     "started_us": 500, "latency_us": 500, "hedge": True},
]  # fmt: skip


def test_stages_follow_one_another_and_attempts_lie_in_them():
    chain = msgspec.json.encode(TRIES).decode()
    stages = {"admit": 100, "answer": 900}
    record = a_record(latency_us=1000, stages=stages, chain=chain)

    fall = waterfall_of(record)

    assert [(s.name, s.x, s.width) for s in fall.stages] == [
        ("admitted", 0, 10),
        ("answer complete", 10, 90),
    ]
    assert [(a.name, a.note, a.failed) for a in fall.attempts] == [
        ("m@1 at up/a", "rate_limited", True),
        ("small@1 at down, a hedge", "ok", False),
    ]
    assert [(a.x, a.width) for a in fall.attempts] == [(10, 40), (50, 50)]


@given(any_records())
def test_whatever_is_on_record_can_be_drawn(record):
    fall = waterfall_of(record)

    assert all(0 <= bar.x <= 100 and bar.width > 0 for bar in fall.stages)


def test_a_cost_is_shown_to_the_last_billionth():
    record = a_record(cost_nano=1_234_567, price="p1", estimated=1, attempts=2)

    facts = {fact.label: fact.value for fact in money_of(record)}

    assert facts["Cost"] == "$0.001234567 (tokens estimated)"
    assert facts["Attempts"] == "2"
    assert "Cost" not in {f.label for f in money_of(a_record())}
