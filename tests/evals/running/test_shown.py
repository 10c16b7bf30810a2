"""What gates said, shown to people: nothing in an answer becomes markup."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from roadbed.cli import roadbed
from roadbed.evals.reports.shown import code, junit, markdown, outcome_of

ODD = "`a` | <b> @team ![x](http://evil.example/?q) \x00\x1b[31m\nend"


def document(outcome="failed"):
    comparison = {"difference": -0.5, "low": -0.7, "high": -0.3}
    interval = {"value": 0.4, "low": 0.3, "high": 0.5}
    subject = {"evaluation": "exam", "version": "pupil@2", "endpoint": "school"}
    changed = {
        "case": ODD,
        "grader": "right",
        "worse": True,
        "baseline": 1.0,
        "candidate": 0.0,
        "input": ODD,
        "baseline_answer": ODD,
        "candidate_answer": "x" * 1000,
    }
    report = {
        "graders": {"right": {"interval": interval}},
        "done": 10,
        "cases": 10,
        "hits": 0,
        "cost_nano": 5_000_000,
        "failures": {"answers": 0},
        "dataset": {"name": "questions@1"},
    }
    compared = {
        "baseline": 0.9,
        "candidate": 0.4,
        "comparison": comparison,
        "verdict": "worse",
        "became_worse": 1,
        "became_better": 0,
        "slices": {},
    }
    return {
        "evaluation": "exam",
        "subject": subject,
        "gate": {
            "outcome": outcome,
            "bars": {"right": {"outcome": outcome, "sentence": "it is \x00 worse"}},
        },
        "reports": {"candidate": "sha256:" + "a" * 64},
        "report": report,
        "baseline": {"subject": {"version": "pupil@1"}},
        "comparison": {"graders": {"right": compared}, "changed": [changed]},
    }


def test_what_is_quoted_is_code_and_nothing_else():
    text = markdown([document()])

    row = next(line for line in text.splitlines() if "| right | 1 → 0" in line)
    cells = row.replace("\\|", "").split("|")[1:-1]
    assert len(cells) == 6
    for cell in (cells[0], cells[3], cells[4]):
        assert cell.strip().count("`") == 2
        assert cell.strip()[0] == cell.strip()[-1] == "`"
    assert "\x1b" not in text
    assert "x" * 200 not in text
    assert code("") == ""


def test_graders_that_saw_the_same_of_a_case_share_a_row():
    said = document()
    (changed,) = said["comparison"]["changed"]
    alike = changed | {"grader": "finds"}
    other = changed | {"grader": "grounded", "candidate": 0.5}
    for name in ("finds", "grounded"):
        said["report"]["graders"][name] = said["report"]["graders"]["right"]
        said["gate"]["bars"][name] = said["gate"]["bars"]["right"]
    said["comparison"]["changed"] = [changed, alike, other]

    text = markdown([said])
    rows = [line for line in text.splitlines() if " → " in line]

    assert "right: 1 cases became worse, 0 better. The 1 that changed most:" in text
    assert ["| right, finds | 1 → 0 |" in row for row in rows] == [True, False]
    assert "| grounded | 1 → 0.5 |" in rows[1]


def test_cases_are_those_of_graders_that_gate_and_answers_what_differs():
    said = document()
    (changed,) = said["comparison"]["changed"]
    start = "This is an extract of documents, found by a search; no model wrote it. "
    answers = {"baseline_answer": start + "90 days", "candidate_answer": start + "7"}
    said["report"]["graders"]["grounded"] = said["report"]["graders"]["right"]
    other = changed | {"grader": "grounded", "case": "other"}
    said["comparison"]["changed"] = [changed | answers, other]

    text = markdown([said])

    assert "`…by a search; no model wrote it. 90 days`" in text
    assert "`other`" not in text


def test_slices_where_nothing_changed_are_counted_only():
    said = document()
    same = {"difference": 0.0, "low": -1.0, "high": 1.0}
    slices = {
        name: {"comparison": compared, "verdict": "worse", "adjusted_p": 0.02}
        for name, compared in (("old", same), ("new", same | {"difference": -0.5}))
    }
    said["comparison"]["graders"]["right"]["slices"] = slices

    text = markdown([said])

    assert "| `new` | right | -0.5 (-1 to +1) | worse | 0.02 |" in text
    assert "`old`" not in text
    assert "In 1 of 2 pairs of slice and grader, nothing changed." in text


def test_all_that_a_grader_of_all_answers_measured_is_told():
    said = document()
    counts = {"name": "count: a | b", "value": 3.0, "low": None, "high": None}
    area = {"name": "auc", "value": 0.9, "low": 0.8, "high": 1.0}
    lost = {"name": "f1", "value": None, "low": None, "high": None}
    said["report"]["graders"]["told"] = {"measures": [area, counts, lost]}
    said["baseline"]["graders"] = {"told": {"measures": [counts | {"value": 4.0}]}}

    text = markdown([said])

    assert "| told | `auc` |  | 0.9 (0.8 to 1) |" in text
    assert "| told | `count: a \\| b` | 4 | 3 |" in text
    assert "`f1`" not in text
    assert "`auc`" not in markdown([said], whole=False)


def test_what_did_not_come_and_what_has_no_grade_is_told():
    said = document()
    said["report"]["failures"] = {
        "answers": 3,
        "examples": [{"case": ODD, "error": "upstream: it is away"}],
        "ungraded": ["right: the case does not say what is expected"],
    }

    text = markdown([said])

    assert "; 3 did not come; " in text
    assert "did not come: `upstream: it is away`" in text
    assert "no grade: `right: the case does not say what is expected`" in text
    assert "<b>" not in text.replace(code(ODD), "")


def test_junit_is_xml_whatever_was_answered():
    root = ElementTree.fromstring(junit([document(), document("inconclusive")]))

    assert [suite.get("failures") for suite in root] == ["1", "0"]
    assert [suite.get("errors") for suite in root] == ["0", "1"]
    assert root[0][0][0].tag == "failure"
    assert root[1][0][0].tag == "error"


def test_suites_of_one_report_have_names_of_their_own():
    one, other, again = document(), document(), document()
    other["subject"] = {**other["subject"], "version": "pupil@9"}
    alone = {**document(), "evaluation": "alone"}
    root = ElementTree.fromstring(junit([one, other, again, alone]))

    first, second, third, last = (suite.get("name") for suite in root)
    name, version, endpoint = (
        one["subject"][n] for n in ("evaluation", "version", "endpoint")
    )
    assert first == f"{name} of {version} on {endpoint}"
    assert second == f"{name} of pupil@9 on {endpoint}"
    assert third == f"{first} #2"
    assert last == "alone"


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "inconclusive"], "inconclusive"),
        (["inconclusive", "failed"], "failed"),
    ],
)
def test_one_failure_fails_and_all_have_to_pass(words, whole):
    assert outcome_of([document(word) for word in words]) == whole


def test_the_action_and_the_template_run_commands_that_there_are():
    action = yaml.safe_load(Path("integrations/github/action.yml").read_text())
    template = yaml.safe_load(Path("integrations/gitlab/roadbed.yml").read_text())

    (step,) = action["runs"]["steps"]
    (script,) = template[".roadbed-gate"]["script"]
    gate = roadbed.get_command(None, "eval").commands["gate"]
    known = {name for option in gate.params for name in option.opts}
    for text in (step["run"], script):
        line = text.replace("\\\n", " ").partition("roadbed eval gate")[2]
        used = {w for w in line.split("||")[0].split() if w.startswith("--")}
        assert used == {"--stack", "--markdown", "--junit"} & known
    assert set(step["env"]) >= {"ENDPOINT", "STACK", "ROADBED_KEY"}
    assert "${{" not in step["run"]
