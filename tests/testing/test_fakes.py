"""The shipped fakes keep the promises of what they stand for."""

import pytest

from roadbed.core.errors import Unavailable
from roadbed.testing.fakes import EchoConfig, EchoProvider, FakeCatalog, FixedClock
from roadbed.testing.provider_contract import VERSION, Opened, ProviderContract


def opened(behaviour):
    provider = EchoProvider(EchoConfig(behaviour=behaviour))
    return Opened(provider, provider.open(VERSION))


class TestEcho(ProviderContract):
    """The echo provider is a provider."""

    @pytest.fixture
    def working(self):
        return opened("fine")

    @pytest.fixture
    def broken(self):
        return opened("down")

    @pytest.fixture
    def silent(self):
        return opened("silent")

    @pytest.fixture
    def cut(self):
        return opened("truncated")


def test_a_broken_echo_loads_nothing():
    with pytest.raises(Unavailable):
        opened("broken")


def test_the_catalog_says_which_names_float():
    catalog = FakeCatalog()

    assert catalog.unpinned("echo", {}, "echo-1") is None
    assert "with a number" in (catalog.unpinned("echo", {}, "echo") or "")


def test_the_catalog_says_what_an_echo_cannot_serve():
    catalog = FakeCatalog()
    loud = {"hosted": {"parameters": {"voice": "alto"}}}

    assert catalog.unfit("echo", {}, {"hosted": {}}) is None
    assert "no voice" in (catalog.unfit("echo", {}, loud) or "")


def test_a_fixed_clock_moves_only_when_it_is_moved():
    clock = FixedClock()
    before = clock.now()
    clock.advance(seconds=2)

    assert (clock.now() - before).total_seconds() == 2
