"""A rollout is kept as it is, one at a time, and changed by whoever saw it last."""

from dataclasses import replace

import pytest

from roadbed.core.errors import Conflict, NotFound
from roadbed.database.tables import current
from roadbed.gateway.release import CanaryStep, First, Mirror, Release, Watched
from roadbed.rollouts import store
from roadbed.rollouts.acts import act
from roadbed.rollouts.decide import decide
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.planned import AT_ONCE, plan_of
from roadbed.rollouts.rollout import served
from roadbed.rollouts.state import State

from .releases import made

RELEASE = Release(
    steps=[CanaryStep(percent=10, hold_s=60), CanaryStep(percent=100)],
    first=First(labels={"team": "shop"}),
    shadow=Mirror(),
    guardrails=[Watched(metric="errors"), Watched(metric="cost", margin=0.2)],
)
PLAN = plan_of(RELEASE, promises_latency=True)


def a_rollout(**more):
    known = {"plan": PLAN, "state": State(), "spec": RELEASE.model_dump(mode="json")}
    return made(**{**known, **more})


def test_what_was_seen_is_read_back_as_it_was(database):
    evidence = Evidence(
        old=90,
        new=10,
        weight=1_000,
        looks={
            "errors": Both(old=Counts(1, 90), new=Counts(2, 10)),
            "cost": Both(old=Numbers.of(1.0, 2.0), new=Numbers.of(2.0, 2.5)),
        },
        ready=1.0,
    )
    begun = a_rollout(state=act(PLAN, State(), "approve", "ok", 1.0))
    with database.write() as connection:
        store.begin(connection, begun, "pinned")
        seen = decide(PLAN, begun.state, evidence, 2.0)
        after = store.change(connection, begun, seen, "system", {"new": 10}, 2_000_000)
        assert store.get(connection, "ro-1") == after
        assert store.active(connection, "bot") == after
        assert store.newest_of_each(connection) == {"bot": after}

        found = store.changes_of(connection, "ro-1")
    assert [(c.phase, c.weight, c.actor) for c in found] == [
        ("approved", 0, "user:a"),
        ("shadow", 0, "system"),
    ]
    assert found[1].evidence == {"new": 10}


def test_who_saw_it_as_it_was_before_changes_nothing(database):
    begun = a_rollout()
    with database.write() as connection:
        store.begin(connection, begun, "pinned")
        count = current(connection, "serving")
        approved = act(PLAN, begun.state, "approve", "ok", 1.0)
        store.change(connection, begun, approved, "user:b", {}, 1_000_000)
        assert current(connection, "serving") == count + 1
        with pytest.raises(Conflict, match="moved in the meantime"):
            store.change(connection, begun, approved, "user:c", {}, 1_000_000)


def test_an_endpoint_has_one_rollout_under_way(database):
    begun = a_rollout()
    with database.write() as connection:
        store.begin(connection, begun, "pinned")
        with pytest.raises(Conflict, match="under way"):
            store.begin(connection, a_rollout(id="ro-2", started_us=2_000), "again")
        over = act(PLAN, begun.state, "abort", "no", 1.0)
        store.change(connection, begun, over, "user:b", {}, 1_000_000)
        later = a_rollout(id="ro-2", started_us=2_000)
        store.begin(connection, later, "again")
        assert store.newest(connection, "bot") == later
        assert [r.id for r in store.listed(connection)] == ["ro-2", "ro-1"]
        assert [r.id for r in store.listed(connection, after=later)] == ["ro-1"]
        assert store.listed(connection, tenant="acme") == []
        with pytest.raises(NotFound):
            store.get(connection, "ro-3")


def at(phase, **more):
    return a_rollout(state=State(phase=phase, since_s=100.0, **more))


@pytest.mark.parametrize(
    ("newest", "base", "candidate", "weight", "drifts"),
    [
        (None, "bot@2", "", 0, False),
        (at("approved"), "bot@1", "bot@2", 0, False),
        (at("canary", step=1), "bot@1", "bot@2", 1_000, False),
        (at("soaking"), "bot@1", "bot@2", 9_500, False),
        (at("paused", held="canary", step=1), "bot@1", "bot@2", 1_000, False),
        (at("promoted"), "bot@2", "", 0, False),
        (at("rolling_back"), "bot@1", "", 0, True),
        (at("rolled_back"), "bot@1", "", 0, True),
        (replace(at("rolled_back"), declared="bot@9"), "bot@2", "", 0, False),
    ],
)
def test_what_is_served_follows_from_the_newest_rollout(
    newest, base, candidate, weight, drifts
):
    found = served("bot@2", newest, 200.0)

    assert (found.base, found.candidate, found.weight) == (base, candidate, weight)
    assert found.drift("bot@2") == drifts


def test_the_version_from_before_stays_loaded_for_as_long_as_was_said():
    promoted = at("promoted")

    assert served("bot@2", promoted, 200.0).kept == "bot@1"
    assert not served("bot@2", promoted, 100.0 + PLAN.soak_s).kept


def test_a_block_says_how_a_rollout_goes():
    assert [(s.weight, s.first) for s in PLAN.steps] == [
        (5_000, True),
        (1_000, False),
        (10_000, False),
    ]
    assert [(g.name, g.kind) for g in PLAN.guardrails] == [
        ("errors", "binary"),
        ("cost", "continuous"),
    ]
    assert plan_of(None, promises_latency=True) is AT_ONCE
    usual = plan_of(Release(), promises_latency=True)
    assert [g.name for g in usual.guardrails] == ["errors", "timeouts", "slow"]
    assert [s.weight for s in usual.steps] == [500, 2_500, 5_000, 10_000]
