"""Replicas say what they serve while rollouts are under way, and are gone if silent."""

from types import SimpleNamespace

import pytest

from roadbed.database.tables import current
from roadbed.inference.snapshot import Arms
from roadbed.rollouts import store
from roadbed.rollouts.acts import act
from roadbed.rollouts.presence import (
    Presence,
    back_share,
    loaded,
    ready_share,
    replicas_of,
)

from .line import SECOND, Line


class Replica:
    """One that serves what it is told to, and says so."""

    def __init__(self, line, name):
        self.line, self.snapshot = line, None
        self.presence = Presence(
            line.database, name, lambda: self.snapshot, line.now_us
        )

    def serves(self, weight=None, unready=None):
        """Serve the rollout at *weight*, or without its version if that is None."""
        arms = None
        if weight is not None:
            arms = Arms(rollout=self.line.id, salt="bot", newer=None, weight=weight)
        deployed = {"bot": SimpleNamespace(arms=arms)}
        self.snapshot = SimpleNamespace(
            deployments=deployed, unready=unready or {}, revision=7
        )
        self.presence.look()
        return self


@pytest.fixture
def line(database):
    return Line(database, phase="canary")


def known(line):
    with line.database.read() as connection:
        return replicas_of(connection, line.id, line.now_us())


def test_each_says_what_it_serves(line):
    one = Replica(line, "a").serves(500)
    line.now_s = 2
    one.serves(500)
    line.now_s = 3
    Replica(line, "b").serves()
    Replica(line, "c").serves(unready={line.id: "x" * 400})

    a, b, c = known(line)
    assert (a.name, a.state, a.weight, a.serving) == ("a", "ready", 500, 7)
    assert (a.seen_us, b.state, b.weight) == (line.now_us() - SECOND, "absent", 0)
    assert (c.state, c.reason) == ("failed", "x" * 300)
    assert ready_share(line.rollout, [a, b, c], line.now_us()) == pytest.approx(1 / 3)
    assert back_share([a, b, c]) == pytest.approx(2 / 3)
    line.now_s = 4
    one.serves(900)
    assert known(line)[0].weight == 900


def test_who_is_silent_or_leaves_is_gone(line):
    one, other = Replica(line, "a").serves(500), Replica(line, "b").serves(500)
    line.now_s = 4
    other.serves(500)
    line.now_s = 5.5
    assert [r.name for r in known(line)] == ["b"]
    other.presence.leave()
    assert known(line) == []
    one.presence.leave()
    assert back_share([]) == 1.0
    assert ready_share(line.rollout, [], line.now_us()) == 0.0


def test_nothing_is_said_while_nothing_is_under_way(line):
    with line.database.write() as connection:
        now = line.rollout
        over = act(now.plan, now.state, "promote", "ok", 1.0)
        store.change(connection, now, over, "user:b", {}, 1)
    Replica(line, "a").serves(500)
    Replica(line, "b").presence.look()

    assert known(line) == []
    with line.database.read() as connection:
        assert current(connection, "serving") == 2


def test_another_rollout_of_the_endpoint_is_not_this_one(line):
    arms = Arms(rollout="ro-other", salt="bot", newer=None, weight=100)
    snapshot = SimpleNamespace(
        deployments={"bot": SimpleNamespace(arms=arms)}, unready={}
    )
    assert loaded(line.rollout, snapshot) == ("absent", 0, "")
