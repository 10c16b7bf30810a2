"""What a replica serves while a version takes over, and after it was taken back."""

import pytest

from roadbed.access.authority import compile_policies
from roadbed.control.preview import Preview
from roadbed.control.readable import served_of
from roadbed.control.serve import (
    Declared,
    compile_snapshot,
    left_behind,
    read_declared,
)
from roadbed.gateway.release import Release
from roadbed.registry.tables import model_versions
from roadbed.rollouts import store
from roadbed.rollouts.rollout import served
from roadbed.rollouts.state import State
from roadbed.rollouts.tables import rollout_changes
from roadbed.rollouts.tables import rollouts as rollouts_table
from roadbed.testing.fakes import FakeCatalog
from tests.control.stacks import (
    ECHO,
    OPERATOR,
    endpoint,
    hosted,
    live,
    resource,
    stack_of,
)
from tests.control.test_apply import make_desk, put
from tests.rollouts.releases import a_rollout

PIN = endpoint(model="bot@2", more="latency: {p95_ms: 800}")
SECOND = hosted(upstream="echo-2")
NOW_S = 2.0


@pytest.fixture
def catalog():
    return FakeCatalog()


@pytest.fixture
def both(tmp_path):
    """The stack pins bot@2, and there is bot@1."""
    first = live(stack_of(tmp_path, OPERATOR, ECHO, hosted(), endpoint()))
    return live(stack_of(tmp_path, OPERATOR, ECHO, SECOND, PIN), 2, first)


def compiled(state, rollout, catalog, previous=None):
    """Serve *state*, of which *rollout* is the newest rollout of its one endpoint."""
    rollouts = {"bot": served("bot@2", rollout, NOW_S)} if rollout else {}
    declared = Declared(state=state, credentials={}, rollouts=rollouts)
    return compile_snapshot(declared, catalog.open, compile_policies, previous)


def test_a_canary_serves_the_old_version_and_has_the_new_one_loaded(both, catalog):
    snapshot = compiled(both, a_rollout(step=1), catalog).snapshot

    deployed = snapshot.deployments["bot"]
    arms = deployed.arms
    assert (str(deployed.version), str(arms.newer.version)) == ("bot@1", "bot@2")
    assert (arms.rollout, arms.salt, arms.weight) == ("ro-1", "bot", 1_000)
    assert (arms.early, arms.slow_ms, arms.mirrored) == (5_000, 800, 0)
    assert arms.newer.arms is None
    assert (snapshot.broken, snapshot.unready) == ({}, {})


def test_the_first_step_is_for_those_who_are_named(both, catalog):
    served_first = compiled(both, a_rollout(step=0), catalog).snapshot
    paused = compiled(both, a_rollout("paused", held="canary"), catalog).snapshot

    for snapshot in (served_first, paused):
        arms = snapshot.deployments["bot"].arms
        assert (arms.labels, arms.weight) == ((("team", "shop"),), 5_000)
        assert arms.early == 0


@pytest.mark.parametrize(
    ("phase", "early"), [("canary", 5_000), ("soaking", 0), ("shadow", 0)]
)
def test_who_was_first_stays_while_few_of_all_get_it(both, catalog, phase, early):
    snapshot = compiled(both, a_rollout(phase, step=1), catalog).snapshot
    arms = snapshot.deployments["bot"].arms

    assert (arms.early, bool(arms.labels)) == (early, early > 0)


@pytest.mark.parametrize("phase", ["draft", "approved", "shadow"])
def test_a_version_is_loaded_before_anybody_gets_it(both, catalog, phase):
    arms = compiled(both, a_rollout(phase), catalog).snapshot.deployments["bot"].arms

    assert (str(arms.newer.version), arms.weight) == ("bot@2", 0)
    shadowed = (arms.mirrored, arms.mirror_nano) == (2_000, 2_500_000_000)
    assert shadowed == (phase == "shadow")


def test_an_experiment_has_a_salt_of_its_own(both, catalog):
    rollout = a_rollout(release=Release(strategy="experiment", unit="session"))

    arms = compiled(both, rollout, catalog).snapshot.deployments["bot"].arms

    assert (arms.salt, arms.unit, arms.weight) == ("ro-1", "session", 5_000)


def test_a_promoted_version_serves_and_the_old_one_stays_loaded(both, catalog):
    during = compiled(both, a_rollout(step=1), catalog)

    after = compiled(both, a_rollout("promoted"), catalog, during)
    long_ago = State(phase="promoted", since_s=NOW_S - 3_600)
    later = compiled(both, a_rollout(state=long_ago), catalog, after)

    assert str(after.snapshot.deployments["bot"].version) == "bot@2"
    assert after.snapshot.deployments["bot"].arms is None
    assert {"bot@1", "bot@2"} == set(after.choices)
    assert left_behind(during, after) == []
    assert len(catalog.opened[0].opened) == 2
    assert left_behind(after, later) == [during.snapshot.deployments["bot"].runner]


@pytest.mark.parametrize("phase", ["rolling_back", "rolled_back", "aborted"])
def test_going_back_loads_nothing(both, catalog, phase):
    during = compiled(both, a_rollout(step=1), catalog)

    after = compiled(both, a_rollout(phase), catalog, during)

    deployed = after.snapshot.deployments["bot"]
    assert (str(deployed.version), deployed.arms) == ("bot@1", None)
    assert deployed.runner is during.snapshot.deployments["bot"].runner
    assert len(catalog.opened[0].opened) == 2


def test_a_version_that_cannot_be_loaded_makes_its_rollout_unready(tmp_path, catalog):
    mute = resource("Provider", "mute", "type: echo\nconfig: {behaviour: broken}")
    first = live(stack_of(tmp_path, OPERATOR, ECHO, hosted(), endpoint()))
    moved = hosted().replace("provider: echo", "provider: mute")
    state = live(stack_of(tmp_path, OPERATOR, ECHO, mute, moved, PIN), 2, first)

    serving = compiled(state, a_rollout(step=1), catalog)

    deployed = serving.snapshot.deployments["bot"]
    assert (str(deployed.version), deployed.arms) == ("bot@1", None)
    assert serving.snapshot.unready == {"ro-1": "echo cannot load anything (mend it)"}
    assert (serving.snapshot.broken, serving.snapshot.impaired) == ({}, {})


def test_a_rollout_of_another_tenant_by_that_name_counts_for_nothing(both, catalog):
    stray = a_rollout(tenant="other")
    pinned = both.resources["Endpoint", "bot"].content

    assert served_of(pinned, stray, 5).base == "bot@2"
    assert served_of(pinned, a_rollout(), 5).candidate == "bot@2"


class Replica:
    """A replica on a real database, which compiles whenever it is told to."""

    def __init__(self, database, catalog):
        self.database, self.catalog, self.serving = database, catalog, None

    def look(self):
        """Return what it serves now, as it is declared now."""
        with self.database.read() as connection:
            declared = read_declared(connection, now_us=6)
        self.serving = compile_snapshot(
            declared, self.catalog.open, compile_policies, self.serving
        )
        return self.serving.snapshot


@pytest.fixture
def replica(database, tmp_path, catalog):
    """A replica in the midst of a canary from bot@1 to bot@2."""
    desk = make_desk(database, tmp_path)
    put(desk, tmp_path, ECHO, hosted(), endpoint())
    put(desk, tmp_path, ECHO, SECOND, PIN)
    return Replica(database, catalog)


def move(replica, *rollouts):
    """Let these be all the rollouts that there ever were."""
    with replica.database.write() as connection:
        connection.execute(rollout_changes.delete())
        connection.execute(rollouts_table.delete())
        for rollout in rollouts:
            store.begin(connection, rollout, "so it is")


def edit(replica, **values):
    """Change the rows of both versions in a way that nobody should."""
    with replica.database.write() as connection:
        connection.execute(model_versions.update().values(**values))


FAULTS = [
    {"definition": {"hosted": {}}},
    {"digest": "sha256:gone"},
    {"number": model_versions.c.number + 100},
]


@pytest.mark.parametrize("fault", FAULTS, ids=["edited", "digest", "gone"])
def test_going_back_needs_no_registry(replica, fault):
    move(replica, a_rollout(step=1))
    before = replica.look()
    edit(replica, **fault)
    move(replica, a_rollout("rolling_back"))

    after = replica.look()

    deployed = after.deployments["bot"]
    assert str(before.deployments["bot"].arms.newer.version) == "bot@2"
    assert (str(deployed.version), deployed.arms) == ("bot@1", None)
    assert deployed.runner is before.deployments["bot"].runner
    assert list(after.broken) == ["bot"]


def test_going_back_from_what_was_promoted_needs_no_registry_either(replica):
    move(replica, a_rollout("promoted", state=State(phase="promoted", since_s=0.0)))
    before = replica.look()
    edit(replica, digest="sha256:gone")
    back = a_rollout("promoted", None, old="bot@2", new="bot@1")
    move(replica, back)

    after = replica.look()

    assert str(before.deployments["bot"].version) == "bot@2"
    assert str(after.deployments["bot"].version) == "bot@1"
    assert len(replica.catalog.opened[0].opened) == 2


def test_a_canary_goes_on_as_it_was_while_the_registry_is_away(replica):
    move(replica, a_rollout(step=1))
    before = replica.look().deployments["bot"]
    edit(replica, digest="sha256:gone")

    after = replica.look()

    deployed = after.deployments["bot"]
    assert deployed.runner is before.runner
    assert deployed.arms.newer.runner is before.arms.newer.runner
    assert (list(after.broken), list(after.impaired)) == (["bot"], ["bot"])


def test_a_replica_that_starts_without_a_registry_serves_nothing_new(replica):
    move(replica, a_rollout(step=1))
    edit(replica, digest="sha256:gone")

    snapshot = replica.look()

    assert snapshot.deployments == {}
    assert list(snapshot.broken) == list(snapshot.unserved) == ["bot"]


@pytest.mark.parametrize("at", [0, 1])
def test_an_evaluation_asks_the_version_that_it_names(both, catalog, at):
    """Whatever takes over meanwhile: it is asked alone."""
    version = both.versions["bot"][at]

    declared = Preview(live=both).alone("bot", version)
    snapshot = compile_snapshot(declared, catalog.open, compile_policies).snapshot

    deployed = snapshot.deployments["bot"]
    assert (deployed.version, deployed.arms) == (version, None)
