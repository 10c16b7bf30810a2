"""What people do to a rollout is audited, and going back always leads somewhere."""

import subprocess
from dataclasses import replace

import pytest

from roadbed.audit.outbox import logged
from roadbed.control.rollouts import Drift, drifts, patch_of, roll_back, steer
from roadbed.core.errors import Conflict, Denied, Invalid, NotFound
from roadbed.gateway.release import Release
from roadbed.rollouts import store
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.state import State
from tests.control.stacks import ECHO, endpoint, hosted
from tests.control.test_apply import make_desk, put
from tests.rollouts.releases import made

NOW_US = 1_800_000_000_000_000
PLAN = plan_of(Release(), promises_latency=False)


@pytest.fixture
def desk(sqlite_database, tmp_path):
    return pinned(sqlite_database, tmp_path)


@pytest.fixture
def either(database, tmp_path):
    return pinned(database, tmp_path)


def pinned(database, tmp_path):
    """Return a desk whose endpoint `bot` pins the second of two versions."""
    desk = make_desk(database, tmp_path)
    put(desk, tmp_path, ECHO, hosted(), endpoint())
    put(desk, tmp_path, ECHO, hosted(upstream="echo-2"), endpoint(model="bot@2"))
    return desk


def begun(desk, phase="canary", **more):
    known = {
        "plan": PLAN,
        "state": State(phase=phase, reason="pinned"),
        "started_us": NOW_US,
        "changed_us": NOW_US,
        "spec": {"strategy": "canary"},
    }
    rollout = made(**{**known, **more})
    with desk.database.write() as connection:
        store.begin(connection, rollout, "pinned")
    return rollout


def steered(desk, rollout, what, actor="user:b", reason="because"):
    with desk.database.write() as connection:
        return steer(connection, rollout, what, reason, actor, NOW_US + 1)


def went_back(desk, actor="user:b"):
    with desk.database.write() as connection:
        return roll_back(connection, "bot", "it is slow", actor, NOW_US + 2)


def seen(desk):
    with desk.database.read() as connection:
        entries = logged(connection, lambda c: [c.action.like("rollout.%")])
        return drifts(connection), entries


def test_what_people_do_is_audited_with_the_reason(either):
    desk = either
    rollout = begun(desk)
    paused = steered(desk, rollout, "pause", reason="  let me \n look ")

    assert (paused.state.phase, paused.state.held) == ("paused", "canary")
    told = seen(desk)[1][-1]
    assert (told.actor, told.action) == ("user:b", "rollout.steer")
    assert told.resource == "Endpoint/bot"
    assert told.detail["reason"] == "let me look"
    assert steered(desk, paused, "resume").state.phase == "canary"


def test_who_saw_it_as_it_was_is_told_so(desk):
    rollout = begun(desk)
    steered(desk, rollout, "pause")

    with pytest.raises(Conflict, match="paused since: because"):
        steered(desk, rollout, "promote")


def test_what_was_only_looked_at_meanwhile_does_not_stand_in_the_way(desk):
    rollout = begun(desk)
    with desk.database.write() as connection:
        more = replace(rollout.state, seen=100)
        store.change(connection, rollout, more, "system:rollouts", {}, NOW_US)

    after = steered(desk, rollout, "pause")
    assert (after.state.phase, after.state.seen) == ("paused", 100)


def test_nobody_approves_what_they_began(desk):
    rollout = begun(desk, "draft")

    for actor in ("user:a", "user:a (agent:helper)"):
        with pytest.raises(Denied, match="user:a began rollout ro-1"):
            steered(desk, rollout, "approve", actor)
    assert steered(desk, rollout, "approve").state.phase == "approved"


def test_a_reason_is_needed_and_is_short(desk):
    rollout = begun(desk)
    for reason in ("", " \n", "x" * 501):
        with pytest.raises(Invalid, match="reason"):
            steered(desk, rollout, "pause", reason=reason)


@pytest.mark.parametrize(
    ("phase", "after"),
    [
        ("draft", "aborted"),
        ("approved", "rolling_back"),
        ("canary", "rolling_back"),
        ("soaking", "rolling_back"),
        ("rolling_back", "rolling_back"),
    ],
)
def test_one_under_way_goes_back_at_any_time(desk, phase, after):
    begun(desk, phase)

    assert went_back(desk).state.phase == after
    [drift] = seen(desk)[0]
    assert (drift.endpoint, drift.pinned, drift.served) == ("bot", "bot@2", "bot@1")


def test_what_was_promoted_goes_back_by_a_rollout_of_its_own(either):
    desk = either
    promoted = begun(desk, "promoted")
    assert not seen(desk)[0]

    back = went_back(desk)

    assert (back.old, back.new, back.declared) == ("bot@2", "bot@1", "bot@2")
    assert (back.state.phase, back.started_by) == ("promoted", "user:b")
    [drift], entries = seen(desk)
    assert (drift.served, drift.rollout, drift.reason) == (
        "bot@1",
        back.id,
        "it is slow",
    )
    assert (entries[-1].action, entries[-1].detail["to"]) == (
        "rollout.rollback",
        "bot@1",
    )
    with pytest.raises(Conflict, match="serves bot@1 and there is nothing to go back"):
        went_back(desk)
    with desk.database.read() as connection:
        assert store.newest(connection, "bot") == back
    assert back.started_us > promoted.started_us


def test_where_nothing_was_before_there_is_nothing_to_go_back_to(desk):
    begun(desk, "promoted", declared="bot@1", old="bot@0", new="bot@1")

    with pytest.raises(Conflict, match="serves bot@2 and there is nothing"):
        went_back(desk)
    with desk.database.write() as connection, pytest.raises(NotFound):
        roll_back(connection, "nobody", "why", "user:b", NOW_US)


def test_the_patch_pins_what_is_served(desk, tmp_path):
    begun(desk, "rolled_back")
    [drift] = seen(desk)[0]
    file = tmp_path / "stack" / drift.file
    assert file.read_text().splitlines()[drift.line - 1].startswith("apiVersion")

    patch = patch_of(drift, file.read_text())

    assert "-  model: bot@2\n+  model: bot@1\n" in patch
    subprocess.run(
        ["patch", "-p1"], input=patch, text=True, cwd=file.parent, check=True
    )
    proposal = desk.propose(tmp_path / "stack")
    [change] = proposal.plan.changes
    assert [(f.path, f.after) for f in change.fields] == [("spec.model", "bot@1")]


DRIFT = Drift(
    endpoint="bot",
    tenant="default",
    pinned="bot@2",
    served="bot@1",
    rollout="ro-1",
    reason="errors got worse",
    file="bot.yaml",
    line=1,
)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            "{fallback: [bot@2], model: bot@2}",
            "spec: {fallback: [bot@2], model: bot@1}",
        ),
        ('{"model":"bot@2"} # not bot@2', 'spec: {"model":"bot@1"} # not bot@2'),
        ("\n  model:\n    bot@2", "    bot@1"),
        ("\n  purpose: bot@2\n  model: 'bot@2'", "  model: 'bot@1'"),
    ],
)
def test_the_patch_touches_nothing_but_the_pin(spec, line):
    text = "kind: Endpoint\nmetadata: {name: bot}\nspec: " + spec

    added = [x for x in patch_of(DRIFT, text).splitlines() if x.startswith("+")]

    assert added == ["+++ b/bot.yaml", f"+{line}"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: [",
        "kind: Endpoint\nmetadata: {name: bot}\nspec: {model: bot@3}",
        "kind: Endpoint\nmetadata: {name: other}\nspec: {model: bot@2}",
    ],
)
def test_a_file_that_pins_something_else_gets_no_patch(text):
    with pytest.raises(Conflict, match=r"bot\.yaml does not pin bot@2"):
        patch_of(DRIFT, text)
