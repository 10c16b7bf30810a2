"""What may stand in for a version is held to every rule that the version is held to."""

from dataclasses import replace

import pytest

from roadbed.control.promote import promotions
from roadbed.control.state import State
from roadbed.control.validate import check
from roadbed.core.reference import VersionRef
from roadbed.testing.fakes import FakeCatalog
from tests.abuse.tenants import declared
from tests.control.stacks import (
    ECHO,
    OPERATOR,
    endpoint,
    hosted,
    live,
    resource,
    stack_of,
)

WAYS = {
    "fallback": "fallback: [{}]",
    "degrade": "degrade: [{{message: Sorry.}}, {{model: {}}}]",
}
FIELDS = {"fallback": "spec.fallback[0]", "degrade": "spec.degrade[1].model"}


@pytest.fixture(params=sorted(WAYS))
def way(request):
    return request.param


def told(folder, way, pin, *resources, more="", state=None, catalog=None):
    """Return the problems of an endpoint that falls back on *pin*."""
    bot = endpoint(more=f"{WAYS[way].format(pin)}\n{more}")
    stack = stack_of(folder, OPERATOR, ECHO, hosted(), *resources, bot)
    found = check(stack, state or State(), catalog or FakeCatalog())
    return [str(p) for p in found]


def test_a_sound_fallback_is_no_problem(tmp_path, way):
    assert told(tmp_path, way, "spare@1", hosted("spare")) == []


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("spare@1", "there is no model 'spare'"),
        ("bot@7", "bot@7 does not exist"),
    ],
)
def test_a_fallback_exists(tmp_path, way, pin, reason):
    (problem,) = told(tmp_path, way, pin)

    assert f"{FIELDS[way]}: {reason}" in problem
    assert problem.startswith("stack.yaml:")


def test_a_fallback_of_production_is_pinned(tmp_path, way):
    (problem,) = told(tmp_path, way, "spare@1", hosted("spare", "echo-latest"))

    assert "'echo-latest' is not pinned, and endpoint bot is in production" in problem


def test_a_fallback_suits_the_purpose(tmp_path, way):
    spare = hosted("spare").replace(
        "owner: team", "owner: team\n  prohibited_purposes: [credit]"
    )
    (problem,) = told(tmp_path, way, "spare@1", spare, more="purpose: credit")

    assert "spare prohibits the purpose 'credit'" in problem


def test_a_fallback_is_processed_where_that_is_allowed(tmp_path, way):
    far = resource("Provider", "far", "type: echo\nregion: us-east")
    spare = hosted("spare").replace("provider: echo", "provider: far")
    near = resource("Provider", "near", "type: echo\nregion: eu-west")
    bot = hosted().replace("provider: echo", "provider: near")
    served = endpoint(more=f"{WAYS[way].format('spare@1')}\nresidency: [eu-west]")
    stack = stack_of(tmp_path, OPERATOR, far, near, bot, spare, served)
    (problem,) = (str(p) for p in check(stack, State(), FakeCatalog()))

    assert "spare@1 runs on the provider 'far', which processes in us-east" in problem


def test_a_fallback_was_not_withdrawn(tmp_path, way):
    stack = stack_of(tmp_path, OPERATOR, ECHO, hosted(), hosted("spare"))
    gone = replace(live(stack), withdrawn=frozenset({VersionRef("spare", 1)}))
    (problem,) = told(tmp_path, way, "spare@1", hosted("spare"), state=gone)

    assert f"{FIELDS[way]}: spare@1 was withdrawn" in problem


def test_a_fallback_is_one_that_its_provider_can_serve(tmp_path, way):
    singing = hosted("spare", more="parameters: {voice: alto}")
    before = live(stack_of(tmp_path / "b", OPERATOR, ECHO, hosted(), singing))
    now = hosted("spare")
    (problem,) = told(tmp_path / "a", way, "spare@1", now, state=before)

    assert f"{FIELDS[way]}: provider echo cannot serve spare@1" in problem


def test_a_fallback_is_the_tenants_own(tmp_path, way):
    spec = {"owner": "team", "hosted": {"provider": "echo", "upstream": "echo-1"}}
    spare = declared("Model", "spare", "acme", spec)
    (problem,) = told(tmp_path, way, "spare@1", spare)

    assert "model spare belongs to the tenant acme, and bot to default" in problem


def test_a_fallback_is_promoted_as_what_is_served_is(tmp_path, way):
    """Who falls back on a version puts it into production, with all approvals."""
    folder, more = tmp_path / "a", WAYS[way].format("spare@1")
    spare = hosted("spare").replace("owner: team", "owner: team\n  approvals: 2")
    resources = (OPERATOR, ECHO, hosted(), spare)
    before = live(stack_of(folder, *resources, endpoint()))
    wanted = stack_of(tmp_path / "b", *resources, endpoint(more=more))

    (promoted,) = promotions(wanted, before)

    assert (str(promoted.ref), promoted.needed) == ("spare@1", 2)
    assert promotions(wanted, live(wanted)) == ()


def test_a_fallback_is_another_version_than_those_before_it(tmp_path):
    (problem,) = told(tmp_path, "fallback", "bot@1")

    assert "spec.fallback[0]: bot@1 is asked before" in problem


PLACES = """
type: echo
config: {{prefix: all}}
upstreams:
  - {{name: a}}
  - {{name: b, config: {{{}}}}}
"""


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("delay_s: -1", "spec.upstreams[1].config.delay_s: must be at least 0"),
        ("perfix: a", "spec.upstreams[1].config.perfix: unknown field"),
    ],
)
def test_the_config_of_each_place_is_one_that_the_type_accepts(
    tmp_path, config, reason
):
    places = resource("Provider", "echo", PLACES.format(config))
    stack = stack_of(tmp_path, OPERATOR, places, hosted(), endpoint())
    (problem,) = (str(p) for p in check(stack, State(), FakeCatalog()))

    assert reason in problem
    assert problem.startswith("stack.yaml:")
    assert int(problem.split(":")[1]) > 10


def test_places_whose_configs_are_sound_are_no_problem(tmp_path):
    places = resource("Provider", "echo", PLACES.format("prefix: other"))
    stack = stack_of(tmp_path, OPERATOR, places, hosted(), endpoint())

    assert check(stack, State(), FakeCatalog()) == []


def test_one_of_several_places_must_be_where_that_is_allowed(tmp_path):
    def problems(name, *regions):
        listed = "".join(
            f"\n  - {{name: p{n}, region: {where}}}" for n, where in enumerate(regions)
        )
        spread = resource("Provider", "echo", f"type: echo\nupstreams:{listed}")
        served = endpoint(more="residency: [eu-west]")
        stack = stack_of(tmp_path / name, OPERATOR, spread, hosted(), served)
        return [str(p) for p in check(stack, State(), FakeCatalog())]

    assert problems("a", "us-east", "eu-west") == []
    assert "processes in us-east" in problems("b", "us-east", "us-east")[0]
