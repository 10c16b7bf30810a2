"""What loads long holds up nothing else, and serves as soon as it is loaded."""

import threading

import pytest

from roadbed.access.authority import compile_policies
from roadbed.control.loading import Loader
from roadbed.control.serve import Declared, compile_snapshot
from roadbed.core.errors import ProviderError
from roadbed.rollouts.rollout import served
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
from tests.rollouts.releases import a_rollout

SLOW = resource("Provider", "slow", "type: slow\nconfig: {}")
SECOND = hosted(upstream="echo-2").replace("provider: echo", "provider: slow")


class SlowCatalog(FakeCatalog):
    """Providers of type `slow` open a version when they are let to."""

    def __init__(self):
        super().__init__()
        self.let, self.fault, self.begun = threading.Event(), None, 0

    def open(self, type_name, config):
        opened = super().open("echo", config)
        if type_name == "slow":
            opened.open = self._held_back(opened.open)
        return opened

    def _held_back(self, really):
        def slowly(version):
            self.begun += 1
            assert self.let.wait(20)
            if self.fault:
                raise self.fault
            return really(version)

        return slowly


class House:
    """A server in the midst of going from bot@1, which is loaded, to bot@2."""

    def __init__(self, folder):
        self.folder, self.serving = folder, None
        self.catalog, self.loader = SlowCatalog(), Loader(patience_s=0.01)
        self.first = live(stack_of(folder, OPERATOR, ECHO, hosted(), endpoint()))
        self.second = live(
            stack_of(folder, OPERATOR, ECHO, SLOW, SECOND, endpoint(model="bot@2")),
            2,
            self.first,
        )
        self.look(self.first)

    def look(self, state, rollout=None):
        rollouts = {"bot": served("bot@2", rollout, 2.0)} if rollout else {}
        declared = Declared(state=state, credentials={}, rollouts=rollouts)
        self.serving = compile_snapshot(
            declared,
            self.catalog.open,
            compile_policies,
            self.serving,
            loader=self.loader if self.serving else None,
        )
        return self.serving.snapshot

    def let(self, fault=None):
        self.catalog.fault = fault
        self.catalog.let.set()
        for job in self.serving.loading:
            job.exception(20)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_what_was_served_before_goes_on_until_the_next_is_loaded(house):
    meanwhile = house.look(house.second)
    again = house.look(house.second)
    house.let()
    after = house.look(house.second)

    for snapshot in (meanwhile, again):
        assert str(snapshot.deployments["bot"].version) == "bot@1"
        assert snapshot.loading == {"bot": "bot@2 is still being loaded"}
        assert (snapshot.broken, snapshot.impaired) == ({}, {})
    assert str(after.deployments["bot"].version) == "bot@2"
    assert (after.loading, list(house.serving.loading)) == ({}, [])
    assert house.catalog.begun == 1


def test_going_back_does_not_wait_for_what_is_being_loaded(house):
    during = house.look(house.second, a_rollout(step=1))
    back = house.look(house.second, a_rollout("rolling_back"))
    under_way = list(house.serving.loading)
    house.let()
    house.look(house.second, a_rollout("rolled_back"))

    assert during.deployments["bot"].arms is None
    assert (during.unready, list(during.loading)) == ({}, ["bot"])
    assert str(back.deployments["bot"].version) == "bot@1"
    assert (back.broken, back.loading, len(under_way)) == ({}, {}, 1)
    assert house.loader.forget(()) == list(house.serving.loading) == []


def test_a_newer_version_gets_its_share_when_it_is_loaded(house):
    house.look(house.second, a_rollout(step=1))
    house.let()

    arms = house.look(house.second, a_rollout(step=1)).deployments["bot"].arms

    assert str(arms.newer.version) == "bot@2"


def test_what_could_not_be_loaded_is_said_and_tried_again(house):
    house.look(house.second)
    house.let(ProviderError("too large", hint="free some memory"))
    failed = house.look(house.second)
    house.catalog.fault = None
    house.look(house.second)
    house.let()

    assert failed.broken == {"bot": "too large (free some memory)"}
    assert str(failed.deployments["bot"].version) == "bot@1"
    assert (failed.loading, house.catalog.begun) == ({}, 2)
    assert str(house.look(house.second).deployments["bot"].version) == "bot@2"


def test_an_endpoint_that_never_served_is_not_there_until_it_is_loaded(house):
    new = hosted("new", upstream="echo-3").replace("provider: echo", "provider: slow")
    pinned = endpoint("new", model="new@1")
    state = live(stack_of(house.folder, OPERATOR, ECHO, SLOW, new, pinned))

    meanwhile = house.look(state)
    house.let()
    after = house.look(state)

    assert meanwhile.broken == {"new": "new@1 is still being loaded"}
    assert list(meanwhile.unserved) == list(meanwhile.loading) == ["new"]
    assert (after.broken, list(after.deployments)) == ({}, ["new"])
