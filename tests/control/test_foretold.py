"""What is foretold of the next rollout comes from the calls that one may read."""

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.visible import Viewer
from roadbed.cli._foretold import show
from roadbed.control.foretold import Foreteller
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.core.actor import Principal
from roadbed.core.errors import NotFound
from roadbed.inference.record import CallRecord
from tests.control.stacks import ECHO, endpoint, hosted, resource
from tests.control.test_apply import make_desk, put

HOUR_US = 3_600_000_000
NOW_US = 10 * HOUR_US
BLOCK = """
latency: {p95_ms: 900}
rollout:
  unit: call
  first: {accounts: [inside], hold_s: 60}
  steps: [{percent: 10, hold_s: 600, units: 10}, {percent: 100, hold_s: 60}]
  guardrails: [{metric: errors}, {metric: cost, margin: 0.1}, {metric: score}]
"""
INSIDE = resource("ServiceAccount", "inside", "roles: [app]")


def a_call(number):
    """One of a hundred calls in a second fails, every tenth is of `inside`."""
    who = "inside" if number % 10 == 0 else "shop"
    return CallRecord(
        call_id=f"c-{number:06}",
        ts=NOW_US - number * 1_000_000,
        region="r",
        tenant="default",
        endpoint="bot",
        kind="chat",
        dialect="openai",
        status="error" if number % 100 == 51 else "ok",
        model="bot@1",
        principal=f"service-account:{who}",
        cost_nano=100 + number % 7,
    )


class Log:
    """A call log of an hour."""

    def __init__(self, many):
        self.calls = [a_call(number) for number in range(many)]

    def search(self, query):
        late = [
            c for c in self.calls if not query.before or c.ts < int_of(query.before)
        ]
        return [c for c in late if c.ts >= query.since_us][: query.limit]


def int_of(cursor):
    return int(cursor.partition("~")[0])


@pytest.fixture
def foretell(sqlite_database, tmp_path):
    """Return what foretells the next rollout of `bot` for somebody with a role."""
    desk = make_desk(sqlite_database, tmp_path)
    put(desk, tmp_path, ECHO, INSIDE, hosted(), endpoint(more=BLOCK))

    def foretell(many=3_600, role="platform-engineer", name="bot"):
        principal = Principal(
            kind="service-account", name="me", roles=frozenset({role})
        )
        viewer = Viewer(authority=compile_policies({}), principal=principal)
        with sqlite_database.read() as connection:
            preview = Preview(live=current(connection))
            teller = Foreteller(
                viewer=viewer, calls=Log(many), preview=preview, now_us=NOW_US
            )
            return teller.foretell(connection, name, NOW_US - HOUR_US)

    return foretell


def test_the_endpoints_own_calls_say_what_can_be_shown(foretell, capsys):
    found = foretell()

    assert found.base == "bot@1"
    assert found.traffic.calls == 3_600
    assert found.first.calls == 360
    first, second, last = found.foreseen.steps
    assert first.waits_for == "errors, cost"  # A mean takes thirty units of each.
    assert first.lasts_s > 60
    assert 0.01 < second.detectable["errors"] < first.detectable["errors"]
    assert second.detectable["cost"] > 0.1
    assert second.detectable["score"] is None
    assert last.weight == 9_500
    assert last.begins_s < found.foreseen.all_s == found.foreseen.promoted_s
    show(found)
    said = capsys.readouterr().out
    assert "3,600 calls in 59 min 59 s: 3,601 units an hour, each" in said
    assert "of who gets it first: 360 calls" in said
    assert "3 guardrails, each with an alpha of 1.67 %" in said
    assert "score      not known" in said
    assert "promoted, and for all units, after" in said


def test_who_may_read_no_calls_is_told_of_none(foretell, capsys):
    found = foretell(role="app")

    assert found.traffic.calls == 0
    show(found)
    assert "no calls" in capsys.readouterr().out


def test_of_what_does_not_exist_nothing_is_foretold(foretell):
    with pytest.raises(NotFound):
        foretell(name="nobody")


def test_only_so_many_calls_are_looked_at(foretell, monkeypatch):
    monkeypatch.setattr("roadbed.control.foretold.MOST", 100)

    found = foretell()

    assert found.traffic.calls == 100
    assert found.traffic.seconds == pytest.approx(99)
