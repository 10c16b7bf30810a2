"""Another pin begins a rollout in the apply itself; everything else leaves it alone."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from roadbed.audit.outbox import logged
from roadbed.cli.apply import _must_be_allowed
from roadbed.control.rollouts import roll_back, steer
from roadbed.control.state import current_resources
from roadbed.control.withdraw import withdraw_version
from roadbed.core.errors import Conflict, Invalid
from roadbed.core.reference import parse
from roadbed.rollouts import store
from roadbed.rollouts.decide import decide
from roadbed.rollouts.evidence import Evidence
from roadbed.rollouts.rollout import served
from roadbed.rollouts.tables import rollouts
from tests.control.stacks import ECHO, endpoint, hosted
from tests.control.test_apply import ME, declare, make_desk, put

CANARY = "rollout: {strategy: canary, ready_percent: 50}"
AT_ONCE = "rollout: {strategy: immediate}"
APPROVED = "rollout: {approval: true}"


class Line:
    """A desk whose models `bot` and `chat` have four versions, and one endpoint."""

    def __init__(self, database, tmp_path):
        self.desk, self.folder = make_desk(database, tmp_path), tmp_path
        for number in range(1, 5):
            self.models = (ECHO, hosted(upstream=f"echo-{number}"))
            put(self.desk, tmp_path, *self.models)

    def propose(self, pin="", block=CANARY, more=""):
        block += f"\n{more}"
        pinned = (endpoint(model=pin, more=block),) if pin else ()
        return self.desk.propose(declare(self.folder, *self.models, *pinned))

    def pin(self, pin="", block=CANARY, more="", actor=ME):
        self.desk.apply(self.propose(pin, block, more), actor)
        return self.newest()

    def newest(self):
        with self.desk.database.read() as connection:
            return store.newest(connection, "bot")

    def all(self):
        with self.desk.database.read() as connection:
            return [
                (r.old, r.new, r.state.phase)
                for r in reversed(store.listed(connection))
            ]

    def serves(self):
        with self.desk.database.read() as connection:
            [live] = current_resources(connection).of("Endpoint")
            now = served(
                live.content["spec"]["model"], store.newest(connection, "bot"), 0
            )
        return now.base, now.candidate

    def move(self, phase):
        """Bring the newest rollout to *phase* by what people and evidence do."""
        with self.desk.database.write() as connection:
            now = store.newest(connection, "bot")
            at_us, ready = now.changed_us, Evidence(ready=1.0, back=1.0)
            if phase == "canary":
                after = decide(now.plan, now.state, ready, at_us / 1e6)
                return store.change(connection, now, after, "system", {}, at_us)
            if phase == "promoted":
                return steer(connection, now, "promote", "good", "user:b", at_us)
            gone = roll_back(connection, "bot", "bad", "user:b", at_us)
            if phase == "rolling_back":
                return gone
            after = decide(gone.plan, gone.state, ready, at_us / 1e6)
            return store.change(connection, gone, after, "system", {}, at_us)


@pytest.fixture
def line(sqlite_database, tmp_path):
    return Line(sqlite_database, tmp_path)


@pytest.fixture
def either(database, tmp_path):
    return Line(database, tmp_path)


def test_another_pin_begins_a_rollout_as_the_block_says(either):
    line = either
    assert line.pin("bot@1") is None

    begun = line.pin("bot@2")

    assert (begun.old, begun.new, begun.declared) == ("bot@1", "bot@2", "bot@2")
    assert (begun.state.phase, begun.plan.ready) == ("approved", 0.5)
    assert begun.started_by == ME
    assert begun.old_digest != begun.new_digest and begun.old_digest
    assert begun.spec["strategy"] == "canary"
    assert line.serves() == ("bot@1", "bot@2")
    with line.desk.database.read() as connection:
        assert current_resources(connection).revision == begun.snapshot
        [told] = logged(connection, lambda c: [c.action == "rollout.steer"])
    assert (told.actor, told.detail["to"]) == (ME, "bot@2")


def test_without_a_block_another_pin_is_served_at_once(line):
    line.pin("bot@1", "")
    line.pin("bot@2", "")

    assert line.all() == [("bot@1", "bot@2", "promoted")]
    assert line.serves() == ("bot@2", "")
    with line.desk.database.read() as connection:
        assert not logged(connection, lambda c: [c.action.like("rollout.%")])


def test_one_that_needs_approval_waits_for_it(line):
    line.pin("bot@1", APPROVED)

    # Whoever applies cannot drop the approval and pin in one go.
    assert line.pin("bot@2", CANARY).state.phase == "draft"
    assert line.pin("bot@3", CANARY).state.phase == "approved"


def test_the_plan_under_way_stays_as_it_was_approved(line):
    line.pin("bot@1")
    before = line.pin("bot@2")

    assert line.pin("bot@2", "rollout: {alpha: 0.01}", "deadline_ms: 5000") == before
    assert line.pin("bot@3", "rollout: {alpha: 0.02}").plan.alpha == 0.02
    assert line.all() == [
        ("bot@1", "bot@2", "superseded"),
        ("bot@1", "bot@3", "approved"),
    ]


@pytest.mark.parametrize(
    ("phase", "ended"),
    [("canary", "superseded"), ("rolling_back", "rolled_back")],
)
def test_another_pin_ends_what_is_under_way(line, phase, ended):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move(phase)

    line.pin("bot@3")

    assert line.all() == [("bot@1", "bot@2", ended), ("bot@1", "bot@3", "approved")]


@pytest.mark.parametrize(
    ("phase", "ended"),
    [
        ("canary", "superseded"),
        ("rolling_back", "rolled_back"),
        ("rolled_back", "rolled_back"),
    ],
)
def test_pinning_back_what_is_served_ends_the_rollout_and_the_drift(line, phase, ended):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move(phase)

    proposal = line.propose("bot@1")
    assert not proposal.promotions  # It is in production already.
    line.pin("bot@1")

    assert line.all() == [("bot@1", "bot@2", ended)]
    assert line.serves() == ("bot@1", "")


def test_what_was_rolled_back_is_not_begun_again_by_the_same_pin(line):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move("rolled_back")

    line.pin("bot@2", "rollout: {alpha: 0.2}")
    assert line.serves() == ("bot@1", "")

    line.pin("bot@1")
    line.pin("bot@2")
    assert line.all()[-1] == ("bot@1", "bot@2", "approved")


def test_after_a_promotion_another_pin_begins_from_there(line):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move("canary")
    line.move("promoted")
    line.pin("bot@3")

    assert line.all()[-1] == ("bot@2", "bot@3", "approved")


def test_what_went_back_begins_from_what_is_served(line):
    line.pin("bot@1", "")
    line.pin("bot@2", "")
    line.move("back")
    assert line.serves() == ("bot@1", "")
    line.pin("bot@3")

    assert line.all()[-1] == ("bot@1", "bot@3", "approved")


def test_a_retired_endpoint_has_nothing_under_way(line):
    line.pin("bot@1")
    line.pin("bot@2")
    line.pin()
    assert line.all() == [("bot@1", "bot@2", "superseded")]

    line.pin("bot@2")
    assert line.serves() == ("bot@2", "")
    assert len(line.all()) == 1


def test_an_endpoint_of_the_same_name_does_not_inherit_a_rollback(line):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move("rolled_back")
    line.pin()
    line.pin("bot@2")

    assert line.serves() == ("bot@2", "")


@pytest.mark.parametrize(
    ("before", "after", "pin", "more", "asked"),
    [
        (CANARY, AT_ONCE, "bot@2", "", 1),
        (AT_ONCE, AT_ONCE, "bot@2", "", 1),
        (CANARY, "", "bot@2", "", 1),
        (CANARY, "", "bot@2", "stage: development", 2),
        ("stage: development\n" + CANARY, "", "bot@2", "stage: development", 0),
        (CANARY, AT_ONCE, "bot@1", "", 0),
        (CANARY, "", "bot@1", "", 1),
        (CANARY, "", "bot@1", "stage: development", 2),
        ("stage: development\n" + CANARY, "", "bot@1", "", 2),
        ("stage: development\n" + CANARY, "", "bot@2", "", 2),
        ("stage: development\n" + CANARY, CANARY, "bot@2", "", 0),
        (CANARY, CANARY, "bot@1", "stage: development", 2),
        (APPROVED, CANARY, "bot@1", "", 1),
        (APPROVED, CANARY, "bot@2", "", 1),
        (APPROVED, APPROVED, "bot@1", "", 0),
        (CANARY, APPROVED, "bot@1", "", 0),
        ("", "", "bot@1", "", 0),
        (CANARY, CANARY, "bot@2", "", 0),
        ("", "", "bot@2", "", 0),
        ("", CANARY, "bot@2", "", 0),
    ],
)
def test_leaving_out_the_steps_needs_a_permission(
    line, before, after, pin, more, asked
):
    line.pin("bot@1", before)

    targets = line.propose(pin, after, more).immediate

    assert [t.name for t in targets] == ["bot"] * asked


def test_the_command_asks_for_that_permission(line):
    line.pin("bot@1")
    asked = []
    who = SimpleNamespace(require_on=lambda action, on: asked.append((action, on.name)))
    _must_be_allowed(who, line.propose("bot@2", AT_ONCE))

    assert asked == [("version.promote", "bot@2"), ("rollout.immediate", "bot")]


def test_what_a_rollout_serves_cannot_be_withdrawn(line):
    line.pin("bot@1")
    line.pin("bot@2")
    line.move("canary")
    for version, how in (("bot@1", "served"), ("bot@2", "pinned")):
        with (
            line.desk.database.write() as connection,
            pytest.raises(Conflict, match=f"{version} is {how} by endpoint bot"),
        ):
            withdraw_version(connection, parse(version), ME, "old", 5)
    line.move("promoted")
    with line.desk.database.write() as connection:
        withdraw_version(connection, parse("bot@1"), ME, "old", 5)
        with pytest.raises(Conflict, match="was withdrawn"):
            roll_back(connection, "bot", "bad", "user:b", 6)


def test_a_model_that_still_answers_stays_declared(line):
    line.pin("bot@1")
    line.models = (*line.models, hosted("chat"))
    line.pin("bot@1")
    line.models = (ECHO, hosted("chat"))

    with pytest.raises(Invalid) as refused:
        line.pin("chat@1")
    assert "bot@1 still answers here, and the model 'bot' is not declared" in str(
        refused.value.problems[0]
    )
    assert line.pin("chat@1", "").state.phase == "promoted"


def test_an_apply_that_fails_begins_nothing(line):
    line.pin("bot@1")
    proposal = line.propose("bot@2")
    line.pin("bot@1", CANARY, "deadline_ms: 5000")

    with pytest.raises(Conflict):
        line.desk.apply(proposal, ME)
    with line.desk.database.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(rollouts))
        assert count.scalar() == 0
