"""`roadbed rollout`, on the line of `init`, whose endpoint pins its second version."""

import io
import json
import shutil
import subprocess
from types import MappingProxyType

import pytest

from roadbed.app import open_app
from roadbed.cli import main
from roadbed.cli._foretold import span
from roadbed.gateway.release import Release
from roadbed.rollouts import store, tables
from roadbed.rollouts.harm import Counts, watched
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import Ledger, State
from roadbed.rollouts.wagers import Wager
from roadbed.settings import Settings

BLOCK = """
  rollout:
    strategy: canary
    steps: [{percent: 10, hold_s: 60}, {percent: 100, hold_s: 60}]
"""
OLD, NEW = Counts(9, 900), Counts(3, 90)
SEEN = MappingProxyType(
    {"errors": Ledger(wager=watched(Wager(), OLD, NEW), old=OLD, new=NEW)}
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack that is applied, whose endpoint has a block and pins handbook@2."""
    home = tmp_path_factory.mktemp("rollouts")
    made = home / "line"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.chdir(home)
        main(["init", "line"])
        patch.chdir(made)
        token = (made / ".roadbed/bootstrap-token").read_text()
        patch.setattr("sys.stdin", io.StringIO(token))
        main(["login"])
        main(["apply", "--yes"])
        page = made / "handbook/access.md"
        page.write_text(page.read_text() + "\nMore.\n")
        endpoint = made / "endpoints/handbook.yaml"
        text = endpoint.read_text().replace("handbook@1", "handbook@2")
        endpoint.write_text(text + BLOCK)
        main(["apply", "--yes"])
    return made


@pytest.fixture
def run(stack, monkeypatch, capsys):
    """Run `roadbed *words` there; return its exit code and what it told."""
    monkeypatch.chdir(stack)
    monkeypatch.setenv("HOME", str(stack.parent))
    capsys.readouterr()

    def run(*words):
        code = 0
        try:
            main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def begun(stack):
    """Return what begins a rollout there, of which somebody else began it."""
    app = open_app(Settings(state=stack / ".roadbed"))
    with app.database.write() as connection:
        for table in (tables.rollout_changes, tables.rollout_replicas, tables.rollouts):
            connection.execute(table.delete())

    def begin(phase="canary", by="service-account:somebody", **more):
        state = State(phase=phase, since_s=1_700_000_000.0, reason="pinned", **more)
        rollout = Rollout(
            id=f"ro-{phase}",
            endpoint="handbook",
            tenant="default",
            declared="handbook@2",
            old="handbook@1",
            new="handbook@2",
            old_digest="sha256:1",
            new_digest="sha256:2",
            plan=plan_of(Release(), promises_latency=False),
            state=state,
            snapshot=3,
            started_by=by,
            started_us=1_700_000_000_000_000,
            changed_us=1_700_000_000_000_000,
            spec=Release().model_dump(mode="json"),
        )
        with app.database.write() as connection:
            store.begin(connection, rollout, "pinned")
        return rollout

    yield begin
    app.close()


def test_a_rollout_is_listed_and_shown_with_its_figures(run, begun):
    begun(ledgers=SEEN)

    code, said, _ = run("rollout", "list", "--active")
    assert code == 0
    assert (
        "ro-canary  handbook  handbook@1  handbook@2  canary, step 1 of 4, 5 %" in said
    )
    code, said, _ = run("rollout", "get", "handbook")
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == "ro-canary: handbook from handbook@1 to handbook@2"
    (errors,) = [line for line in lines if line.startswith("errors")]
    assert errors.split()[1] == "unknown"
    assert "1 %" in errors
    assert "3.33 %" in errors
    assert "+2.33 points (" in errors
    assert "of 40" in errors
    assert errors.endswith("900 / 90")
    assert "shares of units: no data" in said
    assert "replicas: 0 of 0 have handbook@2 loaded" in said


def test_programs_read_the_same_as_json(run, begun):
    rollout = begun(ledgers=SEEN)

    code, said, _ = run("rollout", "get", rollout.id, "-o", "json")

    told = json.loads(said)
    assert code == 0
    assert told["rollout"]["phase"] == "canary"
    assert told["guardrails"][0]["samples_new"] == 90
    assert told["guardrails"][1]["verdict"] == "no data"
    assert [change["actor"] for change in told["changes"]] == [rollout.started_by]
    (listed,) = json.loads(run("rollout", "list", "-ojson")[1])["rollouts"]
    assert listed == told["rollout"]
    assert "no rollouts" in run("rollout", "list", "--phase", "promoted")[1]


@pytest.mark.parametrize(
    ("phase", "code"),
    [("canary", 0), ("promoted", 0), ("rolled_back", 3), ("inconclusive", 6)],
)
def test_the_exit_code_tells_a_script_how_it_went(run, begun, phase, code):
    begun(phase, held="canary" if phase == "inconclusive" else None)

    waiting = () if phase == "canary" else ("--wait",)
    assert run("rollout", "get", "handbook", "--exit-code", *waiting)[0] == code


def test_a_rollout_is_steered_with_a_reason(run, begun):
    begun()

    code, said, _ = run("rollout", "pause", "handbook", "--reason", "look into it")
    assert (code, said) == (
        0,
        "ro-canary of handbook: paused in canary, 5 % of units\n",
    )
    assert "look into it" in run("rollout", "get", "ro-canary")[1]
    code, _, error = run("rollout", "pause", "handbook", "--reason", "again")
    assert code == 5
    assert "resume" in error
    assert run("rollout", "resume", "handbook", "--reason", "it is fine")[0] == 0
    code, said, _ = run("rollout", "promote", "ro-canary", "--reason", "now", "-ojson")
    assert json.loads(said)["phase"] == "promoted"
    assert run("rollout", "pause", "handbook", "--reason", " ")[0] == 2


def test_somebody_else_approves_and_what_did_not_begin_is_aborted(run, begun):
    begun("draft")

    assert run("rollout", "approve", "handbook", "--reason", "good")[0] == 0
    code, said, _ = run("rollout", "abort", "handbook", "--reason", "bad")
    assert code == 0
    assert "handbook serves handbook@1; the stack pins handbook@2" in said


def test_whoever_began_a_rollout_does_not_approve_it(run, begun):
    begun("draft", by="service-account:operator")

    code, _, error = run("rollout", "approve", "handbook", "--reason", "good")

    assert code == 4
    assert "somebody else approves it" in error
    log = run("audit", "list", "-ojson")[1]
    assert '"denied"' in log
    assert '"rollout.steer"' in log


def test_going_back_leaves_git_behind_and_a_patch(run, begun, stack):
    begun()

    code, said, _ = run("rollout", "rollback", "handbook", "--reason", "it is wrong")

    assert code == 0
    drifted = "handbook serves handbook@1; the stack pins handbook@2"
    assert drifted in said
    assert drifted in run("rollout", "get", "handbook")[1]
    code, said, _ = run("plan")
    assert code == 0
    assert "drift: handbook serves handbook@1, and endpoints/handbook.yaml:6" in said
    (drift,) = json.loads(run("plan", "-ojson")[1])["drift"]
    assert drift["patch"] in said
    patch = subprocess.run(
        ["git", "apply", "--check", "-v"],
        cwd=stack,
        input=drift["patch"],
        text=True,
        capture_output=True,
        check=False,
    )
    assert patch.returncode == 0, patch.stderr
    code, said, _ = run("doctor")
    assert "drift      handbook serves handbook@1" in said


def test_going_back_needs_no_artifacts_and_no_git(run, begun, stack, monkeypatch):
    begun("soaking")
    blobs = stack / ".roadbed/blobs"
    blobs.rename(stack / ".roadbed/away")
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(stack / "handbook")
    monkeypatch.setenv("ROADBED_STATE", str(stack / ".roadbed"))

    try:
        code, said, error = run("rollout", "rollback", "handbook", "-ojson")
    finally:
        (stack / ".roadbed/away").rename(blobs)

    assert code == 0, error
    assert json.loads(said)["weight"] == 0


def test_a_folder_that_pins_what_is_served_has_not_drifted(run, begun, stack):
    begun("rolled_back")
    endpoint = stack / "endpoints/handbook.yaml"
    text = endpoint.read_text()
    endpoint.write_text(text.replace("handbook@2", "handbook@1"))

    try:
        said = run("plan")[1]
    finally:
        endpoint.write_text(text)

    assert "drift" not in said
    assert '"handbook@2" → "handbook@1"' in said


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        (
            "",
            "handbook goes from handbook@2 to handbook@1: canary of 10, 95 %, then all",
        ),
        ("canary", "ends the rollout of handbook to handbook@2 (ro-canary)"),
        ("rolled_back", ""),
    ],
)
def test_a_plan_tells_what_another_pin_begins_and_ends(run, begun, stack, phase, line):
    if phase:
        begun(phase)
    endpoint = stack / "endpoints/handbook.yaml"
    text = endpoint.read_text()
    endpoint.write_text(text.replace("handbook@2", "handbook@1"))

    try:
        said = run("plan")[1]
        told = json.loads(run("plan", "-ojson")[1])["rollouts"]
    finally:
        endpoint.write_text(text)

    assert [s for s in said.splitlines() if s.startswith("rollout")] == (
        [f"rollout: {line}"] if line else []
    )
    assert [each["begins"] for each in told] == [not phase]


def test_what_waits_for_somebody_is_told_by_the_doctor(run, begun):
    begun("inconclusive", held="canary")

    code, said, _ = run("doctor")

    assert code == 0
    assert "rollout    handbook from handbook@1 to handbook@2 is inconclusive" in said


def test_there_is_nothing_to_go_back_to(run, begun):
    code, _, error = run("rollout", "rollback", "handbook")

    assert code == 5
    assert "nothing to go back to" in error
    assert run("rollout", "rollback", "nobody")[0] == 1
    assert run("rollout", "get", "nobody")[0] == 1
    assert run("rollout", "get", "")[0] == 1


def test_a_plan_says_that_without_calls_nothing_can_be_shown(run, begun):
    code, said, _ = run("rollout", "plan", "handbook")

    assert code == 0
    assert "no calls: nothing can be shown" in said
    assert "each with an alpha of 2.5 %" in said
    assert "in vain after 1 d" in said
    assert "it does not come to all units by itself" in said
    told = json.loads(run("rollout", "plan", "handbook", "-ojson")[1])
    assert told["foreseen"]["all_s"] is None
    assert [step["weight"] for step in told["plan"]["steps"]] == [1_000, 10_000]


def test_a_plan_reads_a_block_that_is_not_applied(run, begun, stack, tmp_path):
    branch = tmp_path / "branch"
    shutil.copytree(stack, branch, ignore=shutil.ignore_patterns(".roadbed"))
    text = (branch / "endpoints/handbook.yaml").read_text()
    (branch / "endpoints/handbook.yaml").write_text(text.partition("  rollout:")[0])

    said = run("rollout", "plan", "handbook", "--stack", str(branch))[1]

    assert "declares no `rollout`: another version takes over" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.6, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_a_stretch_of_time_is_told_in_its_largest_units(seconds, said):
    assert span(seconds) == said
