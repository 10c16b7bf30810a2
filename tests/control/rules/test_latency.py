"""What cannot fit into the time of an endpoint is refused before it is served."""

import pytest

from roadbed.control.rules.latency import RULES
from tests.control.stacks import resource, stack_of


def problems(tmp_path, terms):
    endpoint = resource("Endpoint", "bot", f"model: bot@1\n{terms}")
    stack = stack_of(tmp_path, endpoint)
    return [p for rule in RULES for p in rule(stack, None, None)]


@pytest.mark.parametrize(
    ("terms", "field", "words"),
    [
        (
            "deadline_ms: 1000\ndeadlines: {first_token_ms: 600}\nfallback: [small@1]",
            "spec.deadlines.first_token_ms",
            "2 attempts may wait 1200 ms",
        ),
        (
            "deadline_ms: 1000\ndeadlines: {first_token_ms: 1200}",
            "spec.deadlines.first_token_ms",
            "1 attempts may wait 1200 ms",
        ),
        (
            "deadlines: {first_token_ms: 900, connect_ms: 950}",
            "spec.deadlines.connect_ms",
            "first_token_ms ends the wait before",
        ),
        (
            "deadline_ms: 1000\ndeadlines: {idle_ms: 2000}",
            "spec.deadlines.idle_ms",
            "deadline_ms ends the wait before",
        ),
        (
            "deadlines: {first_token_ms: 900}\nhedge: {after_ms: 900}",
            "spec.hedge.after_ms",
            "never reached",
        ),
        (
            "fallback: [small@1, tiny@1]\nretries: {attempts: 2}",
            "spec.fallback[1]",
            "tiny@1 is never asked",
        ),
        ("latency: {p50_ms: 500, p95_ms: 400}", "spec.latency.p50_ms", "only 400 ms"),
        (
            "deadline_ms: 1000\nlatency: {p99_ms: 2000}",
            "spec.latency.p99_ms",
            "after 1000 ms a call has failed",
        ),
        (
            "deadline_ms: 1000\nlatency: {first_token_p95_ms: 2000}",
            "spec.latency.first_token_p95_ms",
            "after 1000 ms a call has failed",
        ),
    ],
)
def test_what_cannot_fit_is_refused_at_its_place(tmp_path, terms, field, words):
    (problem,) = problems(tmp_path, terms)

    assert problem.field == field
    assert words in problem.message
    assert problem.hint


@pytest.mark.parametrize(
    "terms",
    [
        "deadline_ms: 1000",
        "deadline_ms: 1000\ndeadlines: {first_token_ms: 500}\nfallback: [small@1]",
        "fallback: [small@1, tiny@1]",
        "latency: {p50_ms: 100, p99_ms: 100, first_token_p95_ms: 90}",
        "deadlines: {first_token_ms: 900, connect_ms: 900}\nhedge: {after_ms: 899}",
    ],
)
def test_what_fits_is_allowed(tmp_path, terms):
    assert problems(tmp_path, terms) == []
