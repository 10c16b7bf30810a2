"""`roadbed eval` as a stranger's pull request meets it, on the line of `init`."""

import io
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from roadbed.cli import main
from tests.control.stacks import resource
from tests.evals.running.judging import JudgeUpstream, judge_at

ASKED = {
    "How long is a key valid?": "90 days",
    "Is there a default password?": "no default password",
    "What happens to what no policy allows?": "denied",
    "May one role do everything?": "No role may do everything",
    "How do I see whether an audit entry was edited?": "audit verify",
    "What is a checkpoint of the audit log?": "signed",
    "What does a call id begin with?": "region",
    "Which command explains an answer?": "roadbed why",
    "What is an endpoint?": "name that callers call",
    "How do I add an endpoint?": "YAML file",
    "What is a model version?": "immutable",
    "How do I roll back?": "Pin the previous version",
}
STACK = """\
apiVersion: roadbed/v1
kind: Dataset
metadata: {name: questions}
spec:
  {owner: a, licence: b, classification: public, purposes: [c], source: people}
---
apiVersion: roadbed/v1
kind: Evaluation
metadata: {name: answers}
spec:
  endpoint: handbook
  cases: {dataset: questions@1}
  graders:
  - {name: says-it, grader: contains, gate: {tolerance: 0.35, floor: 0.6}}
---
apiVersion: roadbed/v1
kind: ServiceAccount
metadata: {name: owner}
spec: {roles: [product-owner], keys: true}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `roadbed *words` in a fresh line; return its exit code and what it told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*words):
        code = 0
        try:
            main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    assert run("init", "main")[0] == 0
    monkeypatch.chdir(tmp_path / "main")
    token = (tmp_path / "main/.roadbed/bootstrap-token").read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert run("login")[0] == 0
    assert run("apply", "--yes")[0] == 0
    (tmp_path / "main/evaluations.yaml").write_text(STACK)
    assert run("apply", "--yes")[0] == 0
    rows = [{"input": asked, "expected": said} for asked, said in ASKED.items()]
    lines = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "cases.jsonl").write_text(lines)
    assert run("dataset", "create", "questions", "../cases.jsonl")[0] == 0
    return run


def branch(folder, *without):
    """Return a branch of the stack in which the handbook lacks these pages."""
    made = folder / "branch"
    shutil.copytree(folder / "main", made, ignore=shutil.ignore_patterns(".roadbed"))
    for page in without:
        (made / "handbook" / f"{page}.md").unlink()
    served = made / "endpoints/handbook.yaml"
    served.write_text(served.read_text().replace("handbook@1", "handbook@2"))
    return made


def test_a_pull_request_that_makes_answers_worse_fails_with_a_report(run, tmp_path):
    stack = str(branch(tmp_path, "access", "audit-log", "calls"))

    files = ("--junit", "gate.xml", "--markdown", "gate.md")
    code, said, progress = run("eval", "gate", "handbook", "--stack", stack, *files)

    assert code == 3
    assert "answers: **failed** — handbook@2 on handbook against handbook@1" in said
    assert "worse by 0.667, at 97.5 % confidence by at least" in said
    assert "| `1` | says-it | 1 → 0 | `How long is a key valid?` |" in said
    assert (tmp_path / "main/gate.md").read_text() in said
    assert "12 cases show a difference of 0.501 with 80 % probability" in progress
    assert "12 of 12 cases, $0.0000" in progress
    suite = ElementTree.parse(tmp_path / "main/gate.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "`How long is a key valid?`" in suite[0][0].text

    code, said, error = run("plan", stack)
    assert "evaluation answers failed" in said
    code, said, error = run("apply", stack, "--yes")
    assert code == 3
    assert "evaluation answers failed" in error
    waived = ("eval", "waive", "handbook", "handbook@2", "--evaluation", "answers")
    code, said, error = run(
        *waived, "--reason", "now", "--until", "2099-01-01", "--stack", stack
    )
    assert code == 4
    assert "product-owner" in error


def test_a_pull_request_that_changes_no_answer_passes(run, tmp_path):
    made = branch(tmp_path)
    page = made / "handbook/endpoints.md"
    page.write_text(page.read_text() + "\n# Zebras\n\nNothing about zebras.\n")

    code, said, error = run(
        "eval", "gate", "handbook", "--stack", str(made), "-o", "json"
    )

    assert code == 0, said
    told = json.loads(said)
    assert told["outcome"] == "passed"
    assert [json.loads(line) for line in error.splitlines()]
    assert run("apply", str(made), "--yes")[0] == 0

    code, said, _ = run("eval", "list", "handbook", "-o", "json")
    found = json.loads(said)["reports"]
    assert [r["version"] for r in found] == ["handbook@1", "handbook@2"]
    digest = found[0]["report"]
    assert json.loads(run("eval", "get", digest[:20])[1])["digest"] == digest

    code, said, _ = run("eval", "compare", "handbook", "handbook@1", "@2")
    assert code == 0
    assert "no difference shown" in said
    code, said, _ = run("eval", "run", "handbook")
    assert (code, "12 of 12, all there already" in said) == (0, True)


def test_what_is_not_there_is_said_with_what_to_do(run):
    code, _, error = run("eval", "run", "nowhere")
    assert code == 1
    assert "there is no Endpoint 'nowhere'" in error
    code, _, error = run("eval", "run", "handbook", "handbook@9")
    assert "there is no model version handbook@9" in error
    code, _, error = run("eval", "get", "abc")
    assert "no report is called 'abc'" in error
    code, _, error = run("eval", "run", "handbook", "--evaluation", "exam")
    assert "has no evaluation called 'exam'" in error


def test_what_other_tools_wrote_becomes_a_golden_set(run):
    files = Path(__file__).parents[1] / "evals/imports/files"

    code, said, error = run(
        "eval", "import", str(files / "inspect.json"), "--dataset", "questions"
    )
    assert code == 0, error
    assert "questions@2: 3 cases of inspect, " in said
    assert "recorded: " in said

    for name in ("promptfoo.json", "openai-evals.jsonl", "lm-eval-generate.jsonl"):
        path = str(files / name)
        code, said, error = run(
            "eval", "import", path, "--dataset", "questions", "-o", "json"
        )
        assert (code, json.loads(said)["format"] in name) == (0, True), error
    code, _, error = run("eval", "import", "evaluations.yaml", "--dataset", "questions")
    assert code == 2
    assert "evaluations.yaml" in error


def test_a_judge_is_certified_by_labels(run, tmp_path):
    with JudgeUpstream(lambda answer: "good" in answer) as upstream:
        spec = (
            "endpoint: handbook\nblocking: never\ncases: {dataset: questions@1}\n"
            "graders:\n- name: kind\n  grader: judge\n"
            "  config: {endpoints: [judge], rubric: It is good.}\n"
            "  gate: {floor: 0.1, agreement: 0.7}"
        )
        declared = [*judge_at(upstream.url), resource("Evaluation", "kindness", spec)]
        (tmp_path / "main/judge.yaml").write_text("---\n".join(declared))
        code, _, error = run("apply", "--yes")
        assert code == 0, error
        rows = [
            {"input": f"what is {n}", "answer": word, "label": word == "good"}
            for n in range(40)
            for word in (("good", "poor")[n % 2],)
        ]
        lines = "\n".join(json.dumps(row) for row in rows)
        (tmp_path / "labels.jsonl").write_text(lines)
        assert run("dataset", "create", "questions", "../labels.jsonl")[0] == 0
        certify = ("eval", "certify", "kindness", "--grader", "kind", "--labels")

        code, said, error = run(*certify, "questions@2", "-o", "json")

    assert code == 0, error
    found = json.loads(said)
    held = found["certificate"]
    assert found["may_gate"]
    assert (held["labels"], held["findings"]["agreement"]["value"]) == (
        "questions@2",
        1,
    )
    assert found["cost_nano"] > 0
    last = json.loads(error.splitlines()[-1])
    assert last["done"] == last["total"] == found["asked"]
    code, _, error = run(*certify, "questions@1")
    assert (code, "no column 'answer'" in error) == (2, True)
    code, _, error = run(*certify[:4], "other", "--labels", "questions@2")
    assert (code, "no grader is named 'other'" in error) == (1, True)
