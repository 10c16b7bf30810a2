"""`roadbed golden`, `calls feedback` and `quality` as a stranger would use them."""

import io
import json
import sqlite3
import time

import pytest

from roadbed.app import open_app
from roadbed.cli import main
from roadbed.evals.feedback import Feedbacks
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.identity.keys import create_key
from roadbed.settings import Settings
from tests.evals.line import Line

STACK = """\
apiVersion: roadbed/v1
kind: ServiceAccount
metadata:
  name: curator
spec:
  roles: [annotator, researcher, product-owner]
  keys: true
---
apiVersion: roadbed/v1
kind: Dataset
metadata:
  name: tea-cases
spec:
  owner: tea
  licence: proprietary
  classification: internal
  purposes: [evaluation]
  source: production
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `roadbed *words` as somebody who curates; return exit code and output."""
    folder = tmp_path / "stack"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*words, keys=""):
        code = 0
        monkeypatch.setattr("sys.stdin", io.StringIO(keys))
        try:
            main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out + told.err

    assert run("init", ".")[0] == 0
    token = (folder / ".roadbed/bootstrap-token").read_text()
    assert run("login", keys=token)[0] == 0
    (folder / "stack.yaml").write_text(STACK)
    code, told = run("apply", "--yes")
    assert code == 0, told
    app = open_app(Settings(state=folder / ".roadbed"))
    with app.database.write() as connection:
        made = create_key(
            connection, "curator", now_us=app.now_us(), created_by="service-account:me"
        )
    monkeypatch.setenv("ROADBED_KEY", made.secret.reveal())
    app.close()
    run.state = folder / ".roadbed"
    return run


@pytest.fixture
def calls(run, tmp_path):
    """The ids of three calls that wait in the spool of the line."""
    (tmp_path / "elsewhere").mkdir()
    writer = Line(tmp_path / "elsewhere", None)
    writer.us = time.time_ns() // 1000 - 60_000_000
    said = [
        writer.said(n, f"What is tea number {n}?", f"Leaves, {n} times.")
        for n in range(1, 4)
    ]
    (run.state / "spool").mkdir(exist_ok=True)
    spool = Spool(run.state / "spool" / name_of("host-dead", 1))
    spool.append([encode(*call) for call in said])
    spool.close()
    return [record.call_id for record, _ in said]


def test_from_thumbs_down_to_a_version_of_the_golden_set(run, calls, tmp_path):
    one, two, three = calls
    assert run("calls", "feedback", one, "--thumbs", "down")[1] == "kept 1\n"
    assert run("calls", "feedback", one, "--thumbs", "down")[1] == (
        "kept 0, 1 were known\n"
    )
    run("calls", "feedback", two, "--correction", "Leaves.", "--comment", "too long")
    shown = json.loads(run("calls", "get", two, "-o", "json")[1])
    assert [f["value"] for f in shown["feedback"]] == ["Leaves."]
    assert "feedback        correction, from" in run("why", two)[1]

    added = run("golden", "add", "tea-cases", "--feedback", "thumbs-down")
    assert added == (0, "added 1 to the queue\n")
    run("golden", "add", "tea-cases", "--call", two, "--call", three, "--double", "0")
    assert run("golden", "list", "tea-cases")[1].startswith("3 waiting\n")

    code, told = run("golden", "review", "tea-cases", keys="q")
    assert (code, "labelled 0" in told) == (0, True)
    waiting = json.loads(run("golden", "list", "tea-cases", "-o", "json")[1])
    ids = {c["call_id"]: c["id"] for c in waiting["candidates"]}
    assert run("golden", "label", "tea-cases", ids[two], "accept")[1] == "accepted\n"
    assert run("golden", "label", "tea-cases", ids[three], "reject")[1] == "rejected\n"
    assert run("golden", "label", "tea-cases", ids[three], "reject")[0] == 5
    assert run("golden", "label", "other", ids[one], "reject")[0] != 0

    made = run("golden", "publish", "tea-cases")[1]
    assert made.startswith("tea-cases@1: 1 cases, 1 of them new\n")
    assert run("golden", "publish", "tea-cases")[0] == 5
    code, told = run("quality", "bot")
    assert code == 2 or "no Endpoint" in told


def test_whoever_edits_or_deletes_feedback_is_named(run, calls, monkeypatch):
    for call in calls:
        run("calls", "feedback", call, "--thumbs", "down", "--name", "answer")
    app = open_app(Settings(state=run.state))
    assert Feedbacks(app.database, app.now_us).seal() == 3
    app.close()
    monkeypatch.delenv("ROADBED_KEY")  # Who curates may not verify.
    code, told = run("audit", "verify")
    assert (code, told.splitlines()[0]) == (0, "audit: verified")

    forge(run.state, "UPDATE feedback SET number = 1 WHERE call_id = ?", calls[1])
    code, told = run("audit", "verify")
    assert (code, told.splitlines()[0]) == (1, "audit: NOT verified")
    among = f"those of call {calls[0]} to {calls[2]}"
    assert f": a row was edited after it was sealed, among {among}" in told

    forge(run.state, "DELETE FROM feedback WHERE call_id = ?", calls[1])
    code, told = run("audit", "verify", "-o", "json")
    found = json.loads(told)
    assert (code, found["verified"], len(found["findings"])) == (1, False, 1)
    assert "it has 2 rows, but 3 were sealed" in found["findings"][0]


def forge(state, statement, *values):
    """Edit the database behind everybody's back."""
    with sqlite3.connect(state / "control.db") as connection:
        assert connection.execute(statement, values).rowcount == 1


def test_a_call_is_erased_and_who_still_holds_it_is_named(run, calls):
    two = calls[1]
    run("calls", "feedback", two, "--correction", "Leaves.")
    run("golden", "add", "tea-cases", "--call", two, "--double", "0")
    run("golden", "review", "tea-cases", keys="a")
    run("golden", "publish", "tea-cases")

    code, told = run("calls", "erase", two, "--reason", "asked for", "--yes")
    assert (code, told.splitlines()) == (
        0,
        [
            f"erased the question and the answer of {two}",
            "words of feedback: 1",
            "candidates for golden sets: 1",
            "still held by dataset tea-cases@1: versions are immutable; withdraw it",
        ],
    )
    assert "what was said: it was erased, or not kept" in run("calls", "get", two)[1]
    assert "Leaves" not in run("calls", "get", two)[1]
    assert run("calls", "erase", two, "--reason", " ", "--yes")[0] == 2
    again = run("calls", "erase", two, "--reason", "again", "--yes", "-o", "json")[1]
    assert json.loads(again)["payloads"] == []


def test_keys_work_through_the_queue(run, tmp_path):
    file = tmp_path / "cases.jsonl"
    cases = [{"input": f"question {n}", "answer": f"answer {n}"} for n in range(3)]
    file.write_text("\n".join(map(json.dumps, cases)))
    run("golden", "add", "tea-cases", "--file", str(file), "--double", "0")

    code, told = run("golden", "review", "tea-cases", keys="a\nx\nr\ns\n")
    states = json.loads(run("golden", "list", "tea-cases", "-o", "json")[1])

    assert code == 0, told
    assert states["standing"]["states"] == {"accepted": 1, "rejected": 1, "waiting": 1}


NONSENSE = [
    ("golden", "add", "tea-cases"),
    ("golden", "add", "tea-cases", "--feedback", "stars"),
    ("golden", "add", "tea-cases", "--random", "2"),
    ("golden", "add", "tea-cases", "--feedback", "thumbs-up", "--since", "long"),
    ("calls", "feedback", "--thumbs", "up"),
    ("calls", "feedback", "local-1", "--thumbs", "up"),
]


def test_a_file_says_what_its_lines_lack(run, tmp_path, calls):
    file = tmp_path / "said.jsonl"
    lines = [
        {"call": calls[0], "kind": "outcome", "value": 1},
        {"call": "local-1", "kind": "outcome", "value": 1},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    code, told = run("calls", "feedback", "--file", str(file))
    assert (code, "not kept: local-1" in told, "kept 1" in told) == (1, True, True)
    file.write_text("{not json")
    assert run("calls", "feedback", "--file", str(file))[0] == 2

    assert run("calls", "erase-feedback", calls[0], "--reason", "asked", "--yes")[
        1
    ] == ("erased the words of 1 feedback\n")
    for words in NONSENSE:
        code, told = run(*words)
        assert (code, "error:" in told) == (2, True), (words, told)
