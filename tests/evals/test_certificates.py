"""A judge gates with a certificate that fits it, holds, and shows that it agrees."""

import pytest
import sqlalchemy as sa

from roadbed.audit.outbox import logged
from roadbed.core.errors import Corrupt, Invalid
from roadbed.evals.certificate_tables import certificates
from roadbed.evals.certificates import (
    DAY_US,
    Certificate,
    issue,
    judge_digest,
    list_certificates,
    may_gate,
    newest,
    valid,
)
from roadbed.evals.examination import PROBES, Labelled, examine

CONFIG = {"rubric": "It is kind.", "endpoints": ["judge"]}
JUDGE = judge_digest("judge", 1, CONFIG, ["sha256:a"])
WELL = {name: [False] * 10 for name in PROBES}


def labelled(right=190, wrong=10, human=None):
    """Return answers that judge and people see alike, and some that they do not."""
    said = [i % 3 > 0 for i in range(right + wrong)] if human is None else human
    return [
        Labelled(said[i] if i < right else not said[i], said[i], ("a",) * (i % 2))
        for i in range(right + wrong)
    ]


def certificate(findings=None, made_us=0, days=90):
    return Certificate(
        judge=JUDGE,
        name="kind",
        labels="labels@1",
        findings=(findings or examine(labelled(), WELL)).document(),
        actor="user:a#1",
        made_us=made_us,
        expires_us=made_us + days * DAY_US,
    )


@pytest.mark.parametrize(
    "other",
    [
        ("judge", 2, CONFIG, ["sha256:a"]),
        ("judge", 1, CONFIG | {"rubric": "It is kind!"}, ["sha256:a"]),
        ("judge", 1, CONFIG, ["sha256:b"]),
        ("groundedness", 1, CONFIG, ["sha256:a"]),
    ],
    ids=["code", "rubric", "model", "grader"],
)
def test_a_judge_is_all_that_decides_how_it_judges(other):
    assert judge_digest(*other) != JUDGE
    assert not may_gate(certificate(), 1, judge_digest(*other), 0.5).allowed


def test_a_judge_whose_model_is_not_pinned_cannot_be_certified():
    for models in ([], [""]):
        with pytest.raises(Invalid, match="versions of its models"):
            judge_digest("judge", 1, CONFIG, models)


def test_agreement_gates_by_the_low_end_of_its_interval():
    held = certificate()

    assert held.findings["agreement"]["value"] == 0.95
    assert may_gate(held, 1, JUDGE, 0.9).allowed
    refused = may_gate(held, 1, JUDGE, 0.93)
    assert not refused.allowed
    assert "in 95% of 200 cases, so in 91% at least, and 93%" in refused.reason


def test_a_certificate_ends():
    held = certificate(days=1)

    assert valid(held, DAY_US - 1, JUDGE)
    assert not valid(held, DAY_US, JUDGE)
    assert not valid(certificate(made_us=5), 4, JUDGE)
    assert "expired" in may_gate(held, DAY_US, JUDGE, 0.5).reason
    assert "no certificate" in may_gate(None, 1, JUDGE, 0.5).reason


def test_who_always_says_yes_does_not_gate_however_often_that_is_right():
    always = [Labelled(True, i % 50 > 0) for i in range(500)]
    refused = may_gate(certificate(examine(always, WELL)), 1, JUDGE, 0.9)

    assert refused.reason == "it does not agree with people beyond chance"


def test_a_judge_that_a_constant_answer_fools_does_not_gate():
    fooled = examine(labelled(), WELL | {"constant": [True] * 3 + [False] * 7})
    unprobed = examine(labelled(), {})

    assert (
        "30% of the probe constant"
        in may_gate(certificate(fooled), 1, JUDGE, 0.5).reason
    )
    assert may_gate(certificate(unprobed), 1, JUDGE, 0.5).reason.count("not made") == 5
    with pytest.raises(Invalid, match="no probe is called 'x'"):
        examine(labelled(), {"x": []})


def test_the_findings_have_slices_and_the_bias_of_the_order():
    swaps = (
        [("A", "B")] * 30 + [("B", "A")] * 10 + [("A", "A")] * 50 + [("tie", "A")] * 10
    )
    found = examine(labelled(), WELL, swaps)

    assert set(found.slices) == {"", "a"}
    assert found.position["flipped"]["value"] == 0.4
    assert found.position["changed"]["value"] == 0.5
    assert found.position["first"]["value"] == 0.75
    assert found.position["first"]["low"] > 0.5


def test_examining_nobody_says_that_nothing_is_known():
    refused = may_gate(certificate(examine([], WELL)), 1, JUDGE, 0.5)

    assert "in none of 0 cases" in refused.reason


def test_an_issue_is_kept_and_on_the_log(database):
    first, second = certificate(made_us=7), certificate(made_us=9)
    with database.write() as connection:
        issue(connection, first)
        issue(connection, second)
        entries = logged(connection, lambda c: (c.action == "judge.certify",))

        assert newest(connection, JUDGE) == second
        assert list_certificates(connection, JUDGE) == [second, first]
        assert newest(connection, "other") is None
    assert [e.detail["certificate"] for e in entries] == [first.id, second.id]
    assert {e.actor for e in entries} == {"user:a#1"}


def test_a_row_that_somebody_improved_is_corrupt(database):
    with database.write() as connection:
        issue(connection, certificate(made_us=7))
        connection.execute(sa.update(certificates).values(expires_us=2**60))

        with pytest.raises(Corrupt, match="not what was issued"):
            newest(connection, JUDGE)


@pytest.mark.parametrize("days", [0, 366])
def test_no_certificate_is_for_ever(database, days):
    with database.write() as connection:
        with pytest.raises(Invalid, match="1 to 365 days"):
            issue(connection, certificate(days=days))
        assert newest(connection, JUDGE) is None
