"""The page Spend: what is on it, and that it shows no more than its reader may see."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.access.visible import Viewer
from roadbed.console import charts
from roadbed.console.data import CostPoint
from roadbed.console.filters import SPANS, SpendFilter
from roadbed.console.spend import BUDGET_EXAMPLE, PRICE_EXAMPLE, WAYS, calls_of
from roadbed.console.words import usd
from roadbed.core.actor import Principal
from roadbed.core.errors import Invalid
from tests.console.rooms import Rooms
from tests.control.stacks import resource

DAY_S = 86_400


@pytest.fixture
def rooms(tmp_path, sqlite_database):
    made = Rooms(tmp_path, sqlite_database)
    made.bot()
    return made


def paid(rooms, number, dollars, **fields):
    return rooms.record(
        number, price="p", cost_nano=int(dollars * 10**9), status="ok", **fields
    )


def test_a_view_has_one_address(reader):
    reply = reader.get("/console/spend?by=team&range=7d")

    assert reply.status == 303
    assert reply.headers["location"] == "/console/spend?by=team"


def test_every_view_is_a_link_and_the_chosen_ones_are_marked(reader):
    page = reader.get("/console/spend?by=team&range=30d").text
    chosen = re.findall(r'aria-current="true">([^<]*)<', page)

    assert chosen == ["team", "30d"]
    assert 'href="/console/spend?by=model&amp;range=30d"' in page
    assert 'href="/console/spend?by=team&amp;range=24h"' in page
    assert 'href="/console/spend?range=30d"' in page


def test_a_label_is_offered_where_it_is_chosen(reader, data):
    page = reader.get("/console/spend?by=label:cost-centre").text

    assert data.asked[-1][1].label == "cost-centre"
    assert ">label:cost-centre</a>" in page
    assert "no cost-centre" in page


def test_costs_have_shares_and_lead_to_their_calls(reader):
    page = reader.get("/console/spend").text

    assert "$47.40" in page
    assert "87.1 %" in page
    assert "&lt; $0.0001" in page
    assert 'href="/console/calls?endpoint=reply-draft&amp;range=7d"' in page


def test_calls_without_a_price_are_said_to_be_missing(reader):
    page = reader.get("/console/spend").text

    assert "3 calls without a price." in page
    assert "without a price" not in reader.get("/console/spend?by=principal").text


def test_budgets_show_their_marks_and_when_they_renew(reader):
    page = reader.get("/console/spend").text

    assert "82 per cent of support spent, marks at 50, 80, 100 per cent" in page
    assert "past 80 %" in page
    assert "Renews 2026-12-01 00:00 UTC." in page
    assert "It refuses calls now. It never renews." in page
    assert "Calls go on; it only tells." in page


def test_who_may_not_read_resources_is_shown_no_budget(guest):
    reply = guest.get("/console/spend")

    assert reply.status == 200
    assert "$47.40" in reply.text
    assert "Budget" not in reply.text


@pytest.mark.parametrize(
    ("query", "hint"),
    [("by=banana", "Write one of endpoint"), ("range=15m", "One of: 24h, 7d, 30d")],
)
def test_a_query_that_means_nothing_is_refused_with_a_hint(reader, query, hint):
    reply = reader.get(f"/console/spend?{query}")

    assert reply.status == 400
    assert hint in reply.text


def test_the_examples_of_the_empty_page_can_be_applied(rooms):
    provider = resource("Provider", "openai", "type: echo")
    rooms.declare(provider, PRICE_EXAMPLE, BUDGET_EXAMPLE)
    (budget,) = rooms.data().spending(SpendFilter(), rooms.now_us).budgets

    assert (budget.budget, budget.amount) == ("support", 250 * 10**9)
    assert budget.marks == (50, 80, 100)


def test_costs_are_added_up_by_every_way(rooms):
    rooms.spool(
        paid(rooms, 1, 2, labels={"team": "support"}, input_tokens=7),
        paid(rooms, 2, 1, principal="user:ada", provider="echo"),
        rooms.record(3, status="ok"),
        rooms.record(4, status="denied", model=""),
    )
    rooms.seal(paid(rooms, 5, 4, ago_s=2 * DAY_S))
    data = rooms.data()
    week = {by: data.spending(SpendFilter(by=by), rooms.now_us) for by in WAYS}
    day = data.spending(SpendFilter(range="24h"), rooms.now_us)

    assert {view.total.cost_nano for view in week.values()} == {7 * 10**9}
    assert {(v.total.calls, v.total.unpriced) for v in week.values()} == {(4, 1)}
    assert [c.name for c in week["team"].costs] == ["", "support"]
    assert len(week["day"].costs) == 2
    assert "user:ada" in [c.name for c in week["principal"].costs]
    assert (day.total.cost_nano, day.total.input_tokens) == (3 * 10**9, 7)


@pytest.mark.parametrize("span", SPANS)
def test_every_step_is_there_once_and_they_add_up(rooms, span):
    rooms.spool(*(paid(rooms, n, 1, ago_s=n * 3_000) for n in range(1, 29)))
    view = rooms.data().spending(SpendFilter(range=span), rooms.now_us)
    steps = [point.at_us for point in view.points]
    step_us = SPANS[span][1] * 1_000_000

    assert steps == list(range(steps[0], rooms.now_us + 1, step_us))
    assert sum(p.cost_nano for p in view.points) == view.total.cost_nano == 28 * 10**9


def test_what_another_tenant_spent_is_not_there(rooms):
    rooms.spool(
        paid(rooms, 1, 2),
        paid(rooms, 2, 5, tenant="acme", endpoint="secret", model="m@1"),
    )
    acme = Viewer(
        authority=rooms.snapshot().authority,
        principal=Principal(
            kind="service-account", name="a", tenant="acme", roles=frozenset({"viewer"})
        ),
        now_us=rooms.now_us,
    )
    rooms.declare(BUDGET_EXAMPLE)
    mine = rooms.source().seen_by(acme).spending(SpendFilter(), rooms.now_us)

    assert [(c.name, c.cost_nano) for c in mine.costs] == [("secret", 5 * 10**9)]
    assert sum(p.cost_nano for p in mine.points) == 5 * 10**9
    assert mine.budgets == ()


def test_a_line_leads_to_the_calls_behind_it():
    def leads(by, name):
        return calls_of(SpendFilter(by=by, range="30d"), name)

    assert leads("model", "bot@1") == "/console/calls?model=bot@1&range=30d"
    assert leads("day", "2026-11-30").endswith(
        "range=custom&since=2026-11-30T00:00&until=2026-12-01T00:00"
    )
    assert leads("team", "support") == leads("endpoint", "") == ""


@given(by=st.text(max_size=12), span=st.text(max_size=4))
def test_a_filter_is_read_or_refused(by, span):
    try:
        wanted = SpendFilter.read({"by": by, "range": span})
    except Invalid as error:
        assert error.hint
    else:
        assert wanted.by in {*WAYS, "tenant"} or wanted.by.startswith("label:")
        assert wanted.range in SPANS


@given(st.lists(st.integers(0, 10**15), max_size=40))
def test_columns_of_costs_stay_inside_and_none_is_lost(series):
    points = [CostPoint(at_us=0, cost_nano=cost) for cost in series]

    for column in charts.cost_columns(points, 40).columns:
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert -0.01 <= column.y <= 40
        assert (column.height > 0) == (column.point.cost_nano > 0)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (99_999, "< $0.0001"),
        (3_100_000, "$0.0031"),
        (120_000_000, "$0.12"),
        (999_999_999, "$1.00"),
        (1_204_500_000_000, "$1,204.50"),
    ],
)
def test_money_is_short_and_never_nothing_where_it_is_something(nano, text):
    assert usd(nano) == text
