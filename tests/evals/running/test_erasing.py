"""What was said in a call is erased: nowhere on the disk is there a copy left."""

import asyncio

import duckdb
import pytest
import sqlalchemy as sa

from roadbed.audit.outbox import logged
from roadbed.cli._verify import verify_line
from roadbed.control.erasing import Because, Eraser
from roadbed.control.proof.call import verify_call
from roadbed.control.proof.sources import Sources
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.data.erasure.tables import erasures
from roadbed.evals.asking import Question
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.from_call import answer_shown, answered_of, case_of
from roadbed.evals.golden import Draft, Golden
from roadbed.evals.online_tables import online_grades
from roadbed.evals.publish import publish
from roadbed.evals.review import Label
from roadbed.evals.saying import read
from roadbed.gateway.erasing import tombstone
from roadbed.server.evaluating.inside import Inside
from tests.evals.running.line import TESTER, endpoint, evaluation, model

CANARY = "canary-7f3a"
OTHER = "sparrow-2b1c"
DPO = "user:dpo"


def ask(line, *questions):
    """Ask as an application would; return the ids of the calls."""

    async def work():
        async with Inside(line.app, TESTER, line.preview()) as inside:
            one = await inside.version("school", parse("pupil@1"))
            found = []
            for text in questions:
                turn = {"role": "user", "content": text}
                found.append((await one(Question(body={"messages": [turn]}))).call_id)
            return found

    return asyncio.run(work())


def places(line, text):
    """Return the files of the state in which *text* is, tables unpacked."""
    found = set()
    for file in sorted(line.settings.state.rglob("*")):
        data = file.read_bytes() if file.is_file() else b""
        if data.startswith(b"PAR1"):
            rows = duckdb.sql(f"SELECT * FROM read_parquet('{file}')").fetchall()
            data += repr(rows).encode()
        if text.encode() in data:
            found.add(file.relative_to(line.settings.state).as_posix())
    return found


def spread(line, call_id):
    """Let what was said in a call get everywhere that it may get."""
    app = line.app
    feedbacks = Feedbacks(app.database, app.now_us)
    golden = Golden(app.database, app.now_us)
    found = app.calls.find(call_id)
    said = read("correction", f"it is {CANARY}", name="", comment=f"not {CANARY}")
    feedbacks.give(found.record, said, "me", "user:me")
    case, answered = case_of(found), answered_of(found)
    draft = Draft(
        input=case.input, answer=answer_shown(answered), call_id=call_id, reason="odd"
    )
    golden.add("questions", [draft], "user:me")
    golden.add("others", [draft], "user:me")
    candidate = golden.next("questions", "user:me")
    golden.label(
        candidate.id,
        Label(annotator="user:me", verdict="accept", expected=f"{CANARY}!", note="ok"),
    )
    golden.label(
        golden.next("others", "user:me").id,
        Label(annotator="user:me", verdict="accept", expected="x", note=CANARY),
    )
    row = {
        "evaluation": "live", "call_id": call_id, "grader": "kind", "digest": "d",
        "tenant": "default", "endpoint": "school", "model": "pupil@1",
        "called_us": 1, "probability": 1.0, "value": 0.0, "label": CANARY,
        "error": "", "known": False, "cost_nano": 0, "at_us": 1,
    }  # fmt: skip
    broken = {**row, "grader": "odd", "value": None, "error": f"no JSON: {CANARY}"}
    with app.database.write() as connection:
        connection.execute(online_grades.insert(), [{**row, "label": CANARY}, broken])
    return golden


def erase(line, call_id, reason="they asked for it"):
    eraser = Eraser(database=line.app.database, calls=line.app.calls)
    return eraser.erase(
        call_id, Because(reason=reason, actor=DPO, at_us=line.app.now_us())
    )


def verified(line, call_id):
    app = line.app
    app.audit.checkpoint()
    sources = Sources(
        database=app.database, blobs=app.blobs, log=app.audit, calls=app.calls
    )
    return verify_call(sources, call_id)


@pytest.fixture
def school(line):
    line.golden(4)
    line.apply(model(), endpoint())
    return line


def test_no_copy_is_left_but_in_versions_that_are_named(school):
    line = school
    mine, other = ask(line, f"who is {CANARY}?", f"who is {OTHER}?")
    golden = spread(line, mine)
    app = line.app
    made = publish(golden, app.datasets, "questions", "user:me")
    line.apply(model(), endpoint(), evaluation(golden=str(made.version)))
    report = line.evaluate().said
    before = places(line, CANARY)
    assert any(name.startswith("log/payloads/") for name in before), before
    assert any(name.startswith("control.db") for name in before)

    done = erase(line, mine)

    left = places(line, CANARY)
    held = app.datasets.paths(made.version)
    assert left == {
        file.relative_to(line.settings.state).as_posix() for file in held
    }, "only a version that was published still holds it"
    assert done.held_by == (f"dataset {made.version}",)
    assert mine in done.payloads
    assert len(done.payloads) == 2, "the call, and the one by which it was evaluated"
    counts = (done.words, done.candidates, done.answers, done.grades, done.online)
    assert counts == (1, 2, 1, 1, 2)

    assert OTHER in app.calls.find(other).payload.request
    assert line.evaluate().said == report, "figures stay"
    assert verify_line(app, [mine]).verified
    again = erase(line, mine)
    assert (again.nothing, again.held_by) == (True, done.held_by)


def test_the_proof_says_who_erased_it_and_why(school):
    line = school
    [mine] = ask(line, f"who is {CANARY}?")
    erase(line, mine)

    assert line.app.calls.find(mine).payload is None
    chain = verified(line, mine)
    [link] = [link for link in chain.links if link.kind == "Payload"]
    assert (link.state, chain.broken) == ("ERASED", False)
    assert link.reason == f"erased by {DPO}: they asked for it"
    with line.app.database.read() as connection:
        [entry] = logged(connection, lambda c: (c.action == "call.erase",))
    assert (entry.actor, entry.resource) == (DPO, f"Call/{mine}")
    assert entry.detail["payloads"] == [mine]


def test_what_was_lost_is_not_taken_for_erased(school):
    line = school
    mine, _ = ask(line, f"who is {CANARY}?", f"who is {OTHER}?")
    found = line.app.calls.find(mine)
    line.app.calls.strip([found])
    assert not verify_line(line.app, []).verified

    tomb = {"digest": tombstone(found.record), "reason": "r", "actor": "a", "at_us": 1}
    with line.app.database.write() as connection:
        connection.execute(erasures.insert().values(tomb))
    findings = line.app.calls.verify_segment(found.segment.id)
    assert any("payloads are missing" in text for text in findings), (
        "a tombstone that is not on the log hides nothing"
    )


def test_bytes_that_came_back_are_told_of(school):
    line = school
    [mine] = ask(line, f"who is {CANARY}?")
    found = line.app.calls.find(mine)
    file = line.settings.state / "log" / found.segment.payloads.path
    kept = file.read_bytes()
    erase(line, mine)
    file.write_bytes(kept)

    assert any(
        f"the payload of {mine} was erased, and is still here" in text
        for text in verify_line(line.app, []).lines
    )
    assert verified(line, mine).broken

    erase(line, mine)
    assert verify_line(line.app, []).verified
    with line.app.database.read() as connection:
        count = sa.select(sa.func.count()).select_from(erasures)
        assert connection.execute(count).scalar() == 1


def test_it_says_why_and_which(school):
    [mine] = ask(school, "who?")
    with pytest.raises(Invalid, match="say why"):
        erase(school, mine, " ")
    with pytest.raises((NotFound, Invalid, Corrupt)):
        erase(school, "local-nothing")
    assert school.app.calls.find(mine).payload is not None
