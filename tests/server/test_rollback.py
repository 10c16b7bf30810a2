"""A whole line in a rollout: who is answered by what, and the way back without help."""

import json
import time
from dataclasses import replace

import pytest

from roadbed.cli import main
from roadbed.database.tables import bump, metadata
from roadbed.gateway.history import CallQuery
from roadbed.gateway.release import Release
from roadbed.registry.tables import model_versions
from roadbed.rollouts import store
from roadbed.rollouts.assignment import bucket_of
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.tables import rollout_tallies
from roadbed.rollouts.tally import merged
from tests.control.stacks import OPERATOR, resource
from tests.rollouts.releases import a_rollout
from tests.served_line import ServedLine

OLD = "Roadbed keeps every answer for one year.\n"
NEW = "Roadbed keeps every answer for two years.\n"
LIBRARY = resource("Provider", "library", "type: extractive")
HOSTED = "{provider: library, upstream: extractive-1, context: {documents: ./docs}}"
MODEL = resource("Model", "bot", f"{{owner: team, hosted: {HOSTED}}}")


def until(true, seconds=15.0):
    """Return what *true* says, once it says something, and how long that took."""
    begun = time.monotonic()
    while not (found := true()):
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)
    return found, time.monotonic() - begun


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A line whose stack pins bot@2, half of whose users get it; bot@1 was before."""
    line = ServedLine(tmp_path_factory.mktemp("line"))
    docs = line.folder / "stack" / "docs"
    docs.mkdir(parents=True)
    for number, text in ((1, OLD), (2, NEW)):
        (docs / "keeping.md").write_text(f"# Keeping answers\n\n{text}")
        pin = resource("Endpoint", "bot", f"model: bot@{number}\nstage: development")
        line.apply(OPERATOR, LIBRARY, MODEL, pin)
    move(line, "canary")
    line.start()
    yield line
    line.stop()


def move(line, phase):
    """Let this be where the one rollout is, whatever came before."""
    with line.app.database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name.startswith("rollout"):
                connection.execute(table.delete())
        release = {"strategy": "canary", "unit": "user", "steps": [{"percent": 50}]}
        rollout = a_rollout(phase, spec=release, started_us=line.app.now_us())
        half = replace(rollout, plan=plan_of(Release(**release), False))
        store.begin(connection, half, "so it is")
        bump(connection, "serving")


def ask(line, user, model="bot", **headers):
    """Return the status, the answer, and the id of the call."""
    question = [{"role": "user", "content": "How long does Roadbed keep every answer?"}]
    body = {"model": model, "messages": question, "user": user}
    status, told, answer = line.ask(
        "POST", "/v1/chat/completions", line.key, body, headers
    )
    said = answer["choices"][0]["message"]["content"] if status == 200 else answer
    return status, said, told["x-roadbed-call"]


USERS = [f"u{n}" for n in range(12)]


def test_each_user_is_answered_by_one_version_and_the_log_says_by_which(line):
    placed = ask(line, USERS[0], **{"X-Roadbed-Arm": "new"})[2]
    calls = {user: ask(line, user) for user in USERS}

    sides = {u: "new" if bucket_of("bot", u) < 5_000 else "old" for u in USERS}
    for user, (status, said, call) in calls.items():
        record = line.app.calls.find(call).record
        assert status == 200
        assert ("two years" in said) == (sides[user] == "new")
        assert (record.rollout, record.arm) == ("ro-1", sides[user])
        assert record.bucket == bucket_of("bot", user) + 1
    by_arm = {
        arm: {r.call_id for r in line.app.calls.search(CallQuery(arm=arm))}
        for arm in ("old", "new", "placed-new")
    }
    assert by_arm == {
        "old": {call for u, (_, _, call) in calls.items() if sides[u] == "old"},
        "new": {call for u, (_, _, call) in calls.items() if sides[u] == "new"},
        "placed-new": {placed},
    }
    assert {found for found in sides.values()} == {"old", "new"}
    facts = dict(line.app.why(placed).hops[0].facts)
    assert facts["chosen by"].startswith("rollout ro-1: placed-new, bucket ")


@pytest.fixture
def listed(line, monkeypatch, capsys):
    """Run `roadbed calls list` with these words; return the records."""
    monkeypatch.setenv("ROADBED_KEY", line.key)
    monkeypatch.setenv("ROADBED_STATE", str(line.folder / ".roadbed"))

    def run(*words):
        main(["calls", "list", "-o", "json", *words])
        return json.loads(capsys.readouterr().out)["calls"]

    return run


def test_calls_are_listed_by_rollout_and_arm(line, listed):
    for user in USERS:
        ask(line, user)

    of_new, of_it = listed("--arm", "new"), listed("--rollout", "ro-1", "--limit", "99")
    shown = line.ask("GET", "/api/v1/calls?arm=old&rollout=ro-1", line.key)[2]["calls"]

    assert {call["model"] for call in of_new} == {"bot@2"}
    assert {call["model"] for call in shown} == {"bot@1"}
    assert {call["arm"] for call in of_it} >= {"old", "new"}
    assert listed("--rollout", "ro-2") == []


def test_what_was_seen_is_written_down_by_unit(line):
    """Whoever looks at rollouts takes it away again, so it is gathered here."""
    bodies = {}

    def seen():
        for user in USERS:
            ask(line, user)
        with line.app.database.read() as connection:
            for row in connection.execute(rollout_tallies.select()):
                bodies[row.replica, row.at_us] = row.body
        units = merged(bodies.values())
        return units if len({unit.unit for unit in units}) == len(USERS) else None

    units, _ = until(seen)

    assert {unit.side for unit in units} == {"old", "new"}
    assert all(unit.calls and not unit.bad for unit in units)
    assert not any(unit.alone for unit in units)


def test_the_way_back_needs_neither_registry_nor_files(line):
    """All that either version is made of is destroyed before."""
    assert "two years" in ask(line, "", model="bot@2")[1]
    for file in (line.folder / ".roadbed" / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    with line.app.database.write() as connection:
        connection.execute(model_versions.update().values(digest="sha256:gone"))
    move(line, "canary")
    user = next(u for u in USERS if bucket_of("bot", u) < 5_000)
    until(lambda: line.parts.switch.snapshot.impaired)
    during = ask(line, user)

    move(line, "rolling_back")
    _, took = until(lambda: "one year" in ask(line, user)[1])

    assert (during[0], "two years" in during[1]) == (200, True)
    assert took < 10
    assert ask(line, user, model="bot@2")[0] == 404
    deployed = line.parts.switch.snapshot.deployments["bot"]
    assert (str(deployed.version), deployed.arms) == ("bot@1", None)
