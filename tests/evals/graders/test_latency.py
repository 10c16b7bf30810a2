from roadbed.evals.graders import latency
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


class TestLatency(GraderContract):
    module = latency
    right = a_sample(text="x", latency_us=1500)
    wrong = a_sample(text="x", latency_us=9500)


class TestLimit(GraderContract):
    module = latency
    config = settings(of="first", at_most_ms=20)
    right = a_sample(text="x", first_us=20_000, latency_us=500_000)
    wrong = a_sample(text="x", first_us=20_001, latency_us=500_000)


def test_a_time_that_was_not_measured_is_no_fast_one():
    made = latency.grader(latency.Config(of="first"))

    assert "not measured" in finished(made.grade(a_sample(text="x"), Judges())).error
