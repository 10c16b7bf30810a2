"""Applying: all of it in one transaction, or nothing; on both engines."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.audit.outbox import logged
from roadbed.control.apply import apply
from roadbed.control.desk import Desk
from roadbed.control.plan import make_plan
from roadbed.control.state import (
    current,
    find_applied,
    history,
    live_at,
    revisions,
)
from roadbed.control.tables import resources, snapshots
from roadbed.core.clock import to_us
from roadbed.core.digest import digest, digest_of
from roadbed.core.errors import Conflict, Corrupt, Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.database.tables import current as counter
from roadbed.identity.keys import create_key
from roadbed.registry.versions import add_version, get_version
from roadbed.testing.fakes import FakeCatalog, FixedClock
from tests.control.stacks import ECHO, OPERATOR, endpoint, hosted, stack_of, write

ME = "service-account:operator"


@pytest.fixture
def desk(database, tmp_path):
    return make_desk(database, tmp_path)


def make_desk(database, tmp_path):
    return Desk(
        database=database,
        blobs=LocalBlobs(tmp_path / "blobs"),
        catalog=FakeCatalog(),
        clock=FixedClock(),
    )


def declare(folder, *texts):
    return write(folder / "stack", stack="---\n".join([OPERATOR, *texts]))


def put(desk, folder, *texts):
    """Declare, propose and apply these resources beside the operator."""
    return desk.apply(desk.propose(declare(folder, *texts)), ME)


def state_of(database):
    with database.read() as connection:
        return current(connection)


def count(database, table):
    with database.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(table)
        ).scalar()


def test_an_apply_makes_a_revision_and_the_versions_it_planned(desk, tmp_path):
    applied = put(desk, tmp_path, ECHO, hosted(), endpoint())

    state = state_of(desk.database)
    assert (applied.revision, applied.versions) == (1, ("bot@1",))
    assert (state.revision, state.digest) == (1, applied.digest)
    assert [str(v) for v in state.versions["bot"]] == ["bot@1"]
    assert set(state.resources) == {
        ("Endpoint", "bot"),
        ("Model", "bot"),
        ("Provider", "echo"),
        ("ServiceAccount", "operator"),
    }


def test_a_second_apply_has_nothing_to_do(desk, tmp_path):
    first = put(desk, tmp_path, ECHO, hosted(), endpoint())
    second = put(desk, tmp_path, ECHO, hosted(), endpoint())

    assert (second.revision, second.digest) == (first.revision, first.digest)
    assert count(desk.database, snapshots) == 1


def test_every_change_is_in_the_audit_log_with_its_actor(desk, tmp_path):
    put(desk, tmp_path, ECHO, hosted())

    with desk.database.read() as connection:
        rows = logged(connection, lambda _: ())
    assert {row.actor for row in rows} == {ME}
    assert [(row.action, row.resource) for row in rows] == [
        ("model.register", "Model/bot"),
        ("stack.apply", "Model/bot"),
        ("stack.apply", "Provider/echo"),
        ("stack.apply", "ServiceAccount/operator"),
        ("stack.apply", "Stack/1"),
    ]


def test_an_apply_tells_the_replicas_once(desk, tmp_path):
    put(desk, tmp_path, ECHO)
    with desk.database.read() as connection:
        before = counter(connection, "serving")
    put(desk, tmp_path, ECHO, hosted())

    with desk.database.read() as connection:
        assert counter(connection, "serving") == before + 1


def test_a_failure_in_the_middle_leaves_nothing(desk, tmp_path):
    put(desk, tmp_path, ECHO)
    proposal = desk.propose(declare(tmp_path, ECHO, hosted(), endpoint()))
    with desk.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE revisions RENAME TO elsewhere"))

    with pytest.raises(sa.exc.DBAPIError):
        desk.apply(proposal, ME)

    with desk.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO revisions"))
    assert set(state_of(desk.database).resources) == {
        ("Provider", "echo"),
        ("ServiceAccount", "operator"),
    }
    assert state_of(desk.database).versions == {}


def test_a_moved_base_is_a_conflict(desk, tmp_path):
    proposal = desk.propose(declare(tmp_path, ECHO))
    put(desk, tmp_path, ECHO, hosted())

    with pytest.raises(Conflict, match="moved from revision 0 to 1"):
        desk.apply(proposal, ME)


def test_a_version_registered_in_between_is_a_conflict(desk, tmp_path):
    proposal = desk.propose(declare(tmp_path, ECHO, hosted()))
    with desk.database.write() as connection:
        add_version(connection, "bot", {"hosted": {"provider": "echo"}}, ME, 0)

    with pytest.raises(Conflict, match="changed since this plan was made"):
        desk.apply(proposal, ME)


def test_a_plan_fits_only_the_stack_it_was_made_for(desk, tmp_path):
    plan = desk.propose(declare(tmp_path, ECHO)).plan
    other = stack_of(tmp_path / "other", OPERATOR, ECHO, hosted())

    with pytest.raises(Conflict, match="the folder"):
        apply(desk.database, desk.blobs, desk.clock, other, plan, ME)


def test_the_problems_of_reading_and_of_meaning_come_together(desk, tmp_path):
    declare(tmp_path, ECHO.replace("type", "tpye"), endpoint())

    with pytest.raises(Invalid) as caught:
        desk.propose(tmp_path / "stack")

    assert [p.field for p in caught.value.problems] == [
        "spec.type",
        "spec.tpye",
        "spec.model",
    ]


def test_a_changed_document_makes_a_version_and_keeps_both_texts(desk, tmp_path):
    model = hosted(more="context: {documents: ./docs}")
    page = tmp_path / "stack" / "docs" / "a.md"
    page.parent.mkdir(parents=True)
    page.write_text("one")
    put(desk, tmp_path, ECHO, model)
    page.write_text("two")
    applied = put(desk, tmp_path, ECHO, model)

    assert applied.versions == ("bot@2",)
    assert desk.blobs.has(digest(b"one"))
    assert b"".join(desk.blobs.get(digest(b"two"))) == b"two"
    with desk.database.read() as connection:
        old = get_version(connection, parse("bot@1"))
    tree = old.definition["hosted"]["context"]["documents"]
    assert tree["files"] == [{"path": "a.md", "digest": digest(b"one"), "bytes": 3}]


def test_what_is_retired_is_kept_and_may_return(desk, tmp_path):
    put(desk, tmp_path, ECHO, hosted())
    put(desk, tmp_path, ECHO)
    put(desk, tmp_path, ECHO, hosted())

    with desk.database.read() as connection:
        found = revisions(connection, "Model", "bot")
    assert [(r.revision, r.change, r.state) for r in found] == [
        (3, "create", "live"),
        (2, "retire", "retired"),
        (1, "create", "live"),
    ]
    assert [str(v) for v in state_of(desk.database).versions["bot"]] == ["bot@1"]


def test_history_tells_what_each_apply_changed(desk, tmp_path):
    put(desk, tmp_path, ECHO)
    second = put(desk, tmp_path, ECHO, hosted(), endpoint())

    with desk.database.read() as connection:
        told = history(connection)
        found = find_applied(connection, second.digest)
        earlier = live_at(connection, 1)
    assert [applied.revision for applied in told] == [2, 1]
    assert found == told[0]
    assert [(c.change, c.kind) for c in found.changes] == [
        ("create", "Endpoint"),
        ("create", "Model"),
    ]
    assert ("Model", "bot") not in earlier


def test_a_rollback_has_a_digest_of_its_own(desk, tmp_path):
    one = put(desk, tmp_path, ECHO, hosted(), endpoint())
    put(desk, tmp_path, ECHO, hosted(upstream="echo-2"), endpoint(model="bot@2"))
    back = put(desk, tmp_path, ECHO, hosted(upstream="echo-2"), endpoint())

    assert back.revision == 3
    assert back.digest != one.digest


def test_an_edited_resource_is_found(desk, tmp_path):
    put(desk, tmp_path, ECHO)
    with desk.database.write() as connection:
        connection.execute(resources.update().values(content={"kind": "Provider"}))

    with pytest.raises(Corrupt, match="is not what was applied"):
        state_of(desk.database)


def test_what_never_was_is_not_found(desk):
    with desk.database.read() as connection:
        with pytest.raises(NotFound):
            find_applied(connection, digest_of({}))
        with pytest.raises(NotFound):
            revisions(connection, "Model", "bot")


PARTS = {
    "echo": ECHO,
    "other": ECHO.replace("name: echo", "name: other"),
    "bot": hosted(),
    "bot2": hosted(upstream="echo-2", more="parameters: {temperature: 1.0}"),
    "talk": hosted(name="talk"),
}


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sets(st.sampled_from(sorted(PARTS))), min_size=1, max_size=3))
def test_after_an_apply_there_is_nothing_to_plan(sqlite_database, tmp_path, steps):
    desk = make_desk(sqlite_database, tmp_path)
    for names in steps:
        chosen = {"echo", *names} - ({"bot"} if "bot2" in names else set())
        proposal = desk.propose(declare(tmp_path, *[PARTS[n] for n in sorted(chosen)]))
        desk.apply(proposal, ME)

        again = make_plan(proposal.stack, state_of(sqlite_database))
        assert again.changes == ()


def test_of_two_applies_at_once_one_wins(desk, tmp_path):
    proposals = [
        desk.propose(declare(tmp_path / name, ECHO, hosted(name=name)))
        for name in ("one", "two", "three")
    ]
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(desk.apply, p, ME) for p in proposals]
    faults = [type(d.exception()) for d in done if d.exception()]

    assert faults == [Conflict, Conflict]
    assert state_of(desk.database).revision == 1
    assert len(state_of(desk.database).versions) == 1


def test_bytes_that_were_planned_are_the_bytes_that_are_kept(desk, tmp_path):
    page = tmp_path / "stack" / "docs" / "a.md"
    page.parent.mkdir(parents=True)
    page.write_text("planned")
    model = hosted(more="context: {documents: ./docs}")
    proposal = desk.propose(declare(tmp_path, ECHO, model))
    page.write_text("changed after the plan")
    desk.apply(proposal, ME)

    assert desk.blobs.has(digest(b"planned"))
    assert not desk.blobs.has(digest(b"changed after the plan"))


def test_the_last_account_with_a_key_cannot_be_retired(desk, tmp_path):
    put(desk, tmp_path, ECHO)
    now = to_us(desk.clock.now())
    with desk.database.write() as connection:
        create_key(connection, "operator", now_us=now, created_by=ME)
    other = OPERATOR.replace("name: operator", "name: other")

    with pytest.raises(Invalid) as caught:
        desk.propose(write(tmp_path / "other", stack=other))

    assert "holds a key" in caught.value.problems[0].message
