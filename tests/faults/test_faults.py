"""A few of the faults, in the suite; all of them are `make faults`."""

import json
from dataclasses import replace

import pytest

from roadbed.inference.record import CallRecord
from tests.faults import scorecard
from tests.faults.callers import Seen
from tests.faults.judge import TEXT, verdict
from tests.faults.run import Result, run
from tests.faults.wall import pairs

SOME = (
    "well",
    "refuse",
    "hang-up",
    "no-done",
    "early-200-then-error",
    "rate-limited",
    "wrong-shape",
    "html-200",
)


def record(**fields):
    base = dict.fromkeys(("call_id", "region", "tenant", "endpoint"), "a")
    return CallRecord(**base, kind="llm", ts=1, dialect="openai", **fields)


def test_no_fault_shows_a_caller_what_is_not_so(tmp_path):
    """Pains 9, 10, 14, 15: cut answers, early 200, Retry-After, silence."""
    results, complaints = run(tmp_path, SOME)

    assert [r for r in results if r.verdict == "fail"] == []
    assert {(r.provider, r.caller) for r in results} == {
        (provider, caller.name) for provider, caller in pairs()
    }
    assert scorecard.totals(results)["pass"] >= len(results) * 0.8
    assert complaints == []


# The judge can fail: each lie is found out.

ERROR = {"message": "the provider stopped before it had finished"}


@pytest.mark.parametrize(
    ("fault", "seen", "kept", "why"),
    [
        ("well", Seen(text="You said:", finish="stop"), {}, "another answer"),
        ("well", Seen(text=TEXT), {}, "without its finish"),
        ("well", Seen(text=TEXT, finish="stop"), {"status": "error"}, "on record as"),
        ("cut-clean", Seen(text=TEXT, finish="stop"), {}, "none was possible"),
        ("cut-clean", Seen(odd="KeyError: 'id'"), {}, "stumbled"),
        ("cut-clean", Seen(error=ERROR), {"status": "ok"}, "on record as ok"),
        (
            "cut-clean",
            Seen(error=ERROR, finish="stop"),
            {"status": "truncated", "error": "provider_truncated"},
            "a finish as well",
        ),
        ("silent", Seen(error=ERROR, took_s=60), {}, "it took 60"),
        ("500", Seen(error="<html>"), {}, "in no dialect"),
        ("500", Seen(error={"message": "Traceback (most"}), {}, "too much"),
        (
            "rate-limited",
            Seen(error=ERROR, headers={"retry-after": "9"}),
            {"status": "error", "error": "rate_limited"},
            "retry-after is 9",
        ),
        (
            "no-usage",
            Seen(text=TEXT, finish="stop", output_tokens=4),
            {"output_tokens": 4},
            "invented",
        ),
        ("no-usage", Seen(text=TEXT, finish="stop"), {}, "as nothing"),
        (
            "usage-absurd",
            Seen(text=TEXT, finish="stop"),
            {"output_tokens": 10**18, "estimated": 1},
            "absurd",
        ),
        (
            "usage-negative",
            Seen(text=TEXT, finish="stop"),
            {"output_tokens": -4},
            "negative",
        ),
    ],
)
def test_the_judge_finds_each_lie(fault, seen, kept, why):
    records = [record(**{"status": "ok", **kept})]

    word, said = verdict(fault, seen, records, stream=True)

    assert (word, why in said) == ("fail", True), said


def test_the_judge_counts_the_records():
    seen = Seen(text=TEXT, finish="stop")
    one = record(status="ok")

    assert verdict("well", seen, [one], stream=True) == ("pass", "ok")
    assert verdict("well", seen, [], stream=True)[0] == "fail"
    assert verdict("well", seen, [one, one], stream=True)[0] == "fail"


def test_a_clean_error_of_another_name_is_safe():
    kept = record(status="error", error="provider_error")

    assert verdict("500", Seen(error=ERROR), [kept], stream=False)[0] == "safe"


def test_the_scorecard_shows_both_manners():
    one = Result("500", "openai", "openai", False, "pass", "")
    results = [one, replace(one, stream=True, verdict="fail")]

    assert "| `500` | pass/fail |" in scorecard.as_markdown(results)
    assert json.loads(scorecard.as_json(results, []))["totals"]["fail"] == 1
    assert scorecard.as_table(results).row_count == 1
