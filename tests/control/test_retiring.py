"""Warnings of what is retired: in plans, of what is live, and for nobody else."""

from datetime import date, timedelta

import pytest

from roadbed.control.plan import make_plan
from roadbed.control.retiring import of_stack, of_state
from roadbed.control.state import State
from roadbed.registry.kinds import Deprecation
from tests.control.stacks import live, resource, stack_of

DAY = date(2026, 3, 26)
PROVIDER = resource("Provider", "eu", "type: openai")
ENDPOINT = resource("Endpoint", "support", "model: bot@1")


def model(upstream="gpt-4-0314", name="bot"):
    return resource(
        "Model", name, f"{{owner: us, hosted: {{provider: eu, upstream: {upstream}}}}}"
    )


def warned(folder, *resources, days=30, state=None):
    stack = stack_of(folder, PROVIDER, *resources)
    return of_stack(stack, state or State(), DAY - timedelta(days=days))


def test_a_version_that_is_about_to_be_made_is_warned_of(tmp_path):
    (found,) = warned(tmp_path, model(), ENDPOINT)

    assert (found.endpoint, found.version, found.days) == ("support", "bot@1", 30)
    assert "gpt-4-0314 retires on 2026-03-26 (in 30 days)" in str(found)
    assert "https://" in str(found)


@pytest.mark.parametrize(("days", "count"), [(181, 0), (180, 1), (1, 1), (-400, 1)])
def test_it_is_said_half_a_year_before_and_for_ever_after(tmp_path, days, count):
    found = warned(tmp_path, model(), ENDPOINT, days=days)

    assert len(found) == count
    assert all(("was retired" in str(f)) == (days < 0) for f in found)


def test_what_nobody_serves_is_not_warned_of(tmp_path):
    other = resource("Endpoint", "other", "model: fine@1")

    assert warned(tmp_path, model(), model("gpt-4o-2024-08-06", "fine"), other) == ()


def test_fallbacks_and_smaller_models_count_as_well(tmp_path):
    terms = "{model: fine@1, fallback: [bot@1], degrade: [{model: bot@1}]}"
    endpoint = resource("Endpoint", "support", terms)
    fine = model("gpt-4o-2024-08-06", "fine")
    found = warned(tmp_path, fine, model(), endpoint)

    assert [each.version for each in found] == ["bot@1"]


def test_a_pin_on_an_older_version_is_judged_by_that_version(tmp_path):
    before = live(stack_of(tmp_path / "a", PROVIDER, model(), ENDPOINT))
    renewed = model("gpt-4o-2024-08-06")
    moved = resource("Endpoint", "support", "model: bot@2")

    assert len(warned(tmp_path / "b", renewed, ENDPOINT, state=before)) == 1
    assert warned(tmp_path / "c", renewed, moved, state=before) == ()


def test_what_is_live_is_found_without_a_folder(tmp_path):
    state = live(stack_of(tmp_path, PROVIDER, model(), ENDPOINT))
    (found,) = of_state(state, DAY)

    assert (found.version, found.days) == ("bot@1", 0)


def test_a_stack_adds_announcements_and_corrects_them(tmp_path):
    def told(day, upstream="gpt-4-0314"):
        spec = f"{{provider: openai, model: {upstream}, retires_on: '{day}'}}"
        return resource("Deprecation", "ours", spec)

    assert warned(tmp_path / "a", model(), ENDPOINT, told("2099-01-01")) == ()
    mine = warned(tmp_path / "b", model("mine-2"), ENDPOINT, told(DAY, "mine-*"))
    assert [each.upstream for each in mine] == ["mine-2"]


def test_another_tenants_announcements_are_not_ours(tmp_path):
    spec = "{provider: openai, model: mine, retires_on: '2026-03-26'}"
    told = resource("Deprecation", "theirs", spec).replace(
        "{name: theirs}", "{name: theirs, tenant: acme}"
    )

    assert warned(tmp_path, model("mine"), ENDPOINT, told) == ()


def test_a_warning_changes_no_plan(tmp_path):
    stack = stack_of(tmp_path, PROVIDER, model(), ENDPOINT)

    assert "warning" not in str(make_plan(stack, State()).to_json())


@pytest.mark.parametrize("day", ["2026-02-30", "soon", "2026-3-1", ""])
def test_a_day_that_is_none_is_refused(day):
    with pytest.raises(ValueError, match="retires_on"):
        Deprecation(provider="openai", model="x", retires_on=day)
