"""The pages' data from real rooms: a real stack, real spools, a real audit log."""

from datetime import timedelta
from itertools import pairwise

import pytest

from roadbed.audit.entry import Entry
from roadbed.console.app import make_console
from roadbed.console.filters import AuditFilter, CallFilter
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound, Unauthenticated
from roadbed.core.secret import Secret
from roadbed.gateway.alerts import Alert, raise_alert
from roadbed.gateway.money.bank import SPENT
from tests.console.rooms import DAY_US, Rooms
from tests.console.served import Server, Visitor, application_of
from tests.control.stacks import ECHO, endpoint, hosted, resource


@pytest.fixture
def rooms(tmp_path, sqlite_database):
    made = Rooms(tmp_path, sqlite_database)
    made.bot()
    return made


def test_the_overview_counts_the_spool_and_what_is_sealed(rooms):
    rooms.spool(rooms.record(1), rooms.record(2, status="error"))
    rooms.seal(rooms.record(3, ago_s=7200))
    view = rooms.data().overview(rooms.now_us)

    assert [(w.calls, w.errors) for w in view.windows] == [(2, 1), (3, 1)]
    assert sum(point.calls for point in view.traffic) == 3
    assert view.windows[0].slowest == "bot"


def test_a_day_of_traffic_has_every_step_once(rooms):
    rooms.spool(rooms.record(1, ago_s=3), rooms.record(2, ago_s=86_000))
    view = rooms.data().overview(rooms.now_us)
    steps = [b.at_us - a.at_us for a, b in pairwise(view.traffic)]

    assert len(view.traffic) == 48
    assert set(steps) == {1_800_000_000}
    assert view.traffic[-1].at_us <= rooms.now_us
    assert len(view.endpoints[0].points) == 24


def test_counting_is_shared_for_three_seconds(rooms):
    data = rooms.data()
    first = data.overview(rooms.now_us).windows[0].calls
    rooms.spool(rooms.record(1))
    still = data.overview(rooms.now_us + 2_000_000).windows[0].calls
    later = data.overview(rooms.now_us + 4_000_000).windows[0].calls

    assert (first, still, later) == (0, 0, 1)


def test_an_endpoint_shows_what_is_served(rooms):
    rooms.spool(rooms.record(1, latency_us=5_000))
    (row,) = rooms.data().endpoints(rooms.now_us)

    assert (row.name, row.version, row.provider) == ("bot", "bot@1", "echo")
    assert row.digest == rooms.snapshot().deployments["bot"].version.digest
    assert 4_800 < row.p95_us < 5_200


def test_an_endpoint_that_cannot_serve_is_an_alert(tmp_path, sqlite_database):
    rooms = Rooms(tmp_path, sqlite_database)
    broken = "apiVersion: roadbed/v1\nkind: Provider\nmetadata: {name: echo}\n"
    rooms.declare(
        broken + "spec: {type: echo, config: {behaviour: broken}}\n",
        *_bot_without_provider(),
    )
    view = rooms.data().overview(rooms.now_us)

    assert view.alerts[0].level == "critical"
    assert view.alerts[0].href == "/console/endpoints/bot"
    assert "cannot load" in view.endpoints[0].broken


def test_calls_are_filtered_and_paged(rooms):
    rooms.spool(*(rooms.record(n, ago_s=n) for n in range(1, 61)))
    rooms.seal(rooms.record(70, ago_s=7000, status="error", principal="user:a"))
    data = rooms.data()
    first = data.calls(CallFilter(), rooms.now_us)
    second = data.calls(CallFilter(before=first.older), rooms.now_us)
    failed = data.calls(CallFilter(status="error"), rooms.now_us)
    hour = data.calls(CallFilter(range="1h", before=first.older), rooms.now_us)

    assert (len(first.rows), len(second.rows), second.older) == (50, 11, "")
    assert [row.principal for row in failed.rows] == ["user:a"]
    assert len(hour.rows) == 10
    assert first.rows[0].summary == "p 0.75"


def test_the_filter_offers_what_is_declared(rooms):
    choices = rooms.data().calls(CallFilter(), rooms.now_us).choices

    assert choices.endpoints == ("bot",)
    assert choices.models == ("bot@1",)
    assert "service-account:watcher" in choices.principals


def test_a_call_is_followed_to_who_applied_it(rooms):
    record, payload = rooms.record(1)
    rooms.seal((record, payload))
    page = rooms.data().call(record.call_id)
    stations = {hop.kind: hop for hop in page.hops}

    assert list(stations) == ["Call", "Endpoint", "Snapshot", "ModelVersion"]
    assert stations["Endpoint"].href == "/console/endpoints/bot"
    assert stations["ModelVersion"].href == "/console/models/bot/1"
    assert stations["Snapshot"].href == "/console/resources#r1"
    assert page.notes == ()
    assert page.payload_kept
    assert page.raw["call_id"] == record.call_id


def test_digests_and_moments_of_the_chain_are_recognised(rooms):
    record, payload = rooms.record(1)
    rooms.spool((record, payload))
    facts = {
        fact.label: fact
        for hop in rooms.data().call(record.call_id).hops
        for fact in hop.facts
    }

    assert facts["Applied"].at_us == rooms.now_us
    assert facts["Status"].at_us is None


def test_a_sealed_call_is_proven_and_waits_for_a_checkpoint(rooms):
    record, payload = rooms.record(1)
    rooms.seal((record, payload))
    data = rooms.data()
    before = data.verify(record.call_id)
    rooms.audit.checkpoint()
    after = data.verify(record.call_id)

    assert [verdict.holds for verdict in before] == [True, None, True]
    assert [verdict.holds for verdict in after] == [True, True, True]


def test_a_call_in_the_spool_is_not_proven_yet(rooms):
    record, payload = rooms.record(1)
    rooms.spool((record, payload))
    first, second = rooms.data().verify(record.call_id)

    assert first.holds is None
    assert "not sealed yet" in first.text
    assert second.holds


def test_a_changed_body_is_named(rooms):
    record, payload = rooms.record(1)
    changed = type(payload)(**{**_plain(payload), "response": '{"text": "no"}'})
    rooms.spool((record, changed))
    verdict = rooms.data().verify(record.call_id)[-1]

    assert verdict.holds is False
    assert "was changed" in verdict.text


def test_bodies_that_were_not_kept_are_not_found(rooms):
    record, _ = rooms.record(1)
    rooms.spool((record, None))

    with pytest.raises(NotFound):
        rooms.data().bodies(record.call_id)


def test_a_change_is_shown_field_by_field(rooms):
    rooms.bot(more="deadline_ms: 2000\npurpose: chat\n")
    view = rooms.data().changes()
    page = rooms.data().resource("Endpoint", "bot")

    assert view.revisions[0].number == 2
    assert view.revisions[0].changes[0].note == (
        "spec.deadline_ms: 60000 → 2000, spec.purpose: nothing → chat"
    )
    assert [r.revision for r in page.revisions] == [2, 1]
    assert page.revisions[0].fields[0].after == "2000"
    assert "deadline_ms: 2000" in page.revisions[0].content


def test_a_model_lists_its_versions_and_never_edits_one(rooms):
    rooms.bot(upstream="echo-2")
    versions = rooms.data().resource("Model", "bot").versions

    assert [version.name for version in versions] == ["bot@2", "bot@1"]
    assert versions[0].digest != versions[1].digest


def test_a_retired_resource_keeps_its_history(rooms):
    rooms.declare()
    page = rooms.data().resource("Endpoint", "bot")

    assert page.state == "retired"
    assert [r.action for r in page.revisions] == ["retire", "create"]
    assert not rooms.data().endpoints(rooms.now_us)


def test_what_never_was_is_not_found(rooms):
    data = rooms.data()

    with pytest.raises(NotFound):
        data.endpoint("nothing", rooms.now_us)
    with pytest.raises(NotFound):
        data.resource("Endpoint", "nothing")


def test_one_endpoint_shows_its_calls_and_its_terms(rooms):
    rooms.spool(rooms.record(1), rooms.record(2, endpoint="other"))
    page = rooms.data().endpoint("bot", rooms.now_us)
    facts = {fact.label: fact.value for fact in page.facts}

    assert [row.endpoint for row in page.recent] == ["bot"]
    assert facts["Deadline"] == "1 min 0 s"
    assert page.revisions[0].action == "create"


def test_the_audit_log_is_filtered_and_its_head_is_shown(rooms):
    rooms.audit.checkpoint()
    rooms.key()
    view = rooms.data().audit(AuditFilter(action="key.create"))

    assert [row.action for row in view.rows] == ["key.create"]
    assert view.head.size == view.head.checkpoint_size + 1
    assert len(view.head.root) == 64
    assert view.rows[0].leaf


def test_the_audit_log_is_paged_without_a_gap(rooms):
    for _ in range(60):
        rooms.audit.record(_entry())
    data = rooms.data()
    first = data.audit(AuditFilter())
    second = data.audit(AuditFilter(before=str(first.older)))
    seen = [row.seq for row in first.rows + second.rows]

    assert seen == list(range(first.head.size, 0, -1))


def test_a_session_lives_as_long_as_its_key(rooms):
    sessions, key = rooms.sessions(), rooms.key()
    opened = sessions.open(key)
    now = sessions.find(opened.token)
    rooms.clock.advance(hours=9)

    assert now.name == "operator"
    assert opened.seconds == 8 * 3600
    assert sessions.find(opened.token) is None


def test_a_session_has_the_roles_its_account_has_now(rooms):
    sessions = rooms.sessions()
    rooms.key()
    opened = sessions.open(rooms.key("watcher"))
    rooms.declare()
    still = sessions.find(opened.token)
    sessions.end(opened.token)

    assert still.roles == frozenset({"viewer"})
    assert sessions.find(opened.token) is None


def test_a_wrong_key_opens_no_session(rooms):
    with pytest.raises(Unauthenticated):
        rooms.sessions().open(Secret("rbk_none_none"))


def test_decisions_are_those_of_the_policies_served_now(rooms):
    decide = rooms.authority().decide
    watcher = Principal(kind="service-account", name="w", roles=frozenset({"viewer"}))
    calls, log = Target(kind="Call", name="*"), Target(kind="AuditLog", name="*")

    assert decide(watcher, "call.read", calls).allowed
    assert not decide(watcher, "audit.read", log).allowed


def test_every_page_is_shown_from_the_real_rooms(rooms):
    record, payload = rooms.record(1)
    rooms.seal((record, payload))
    routes = make_console(
        rooms.source(),
        rooms.sessions(),
        rooms.authority(),
        now_us=lambda: rooms.now_us,
    )
    paths = (
        "",
        "/calls",
        f"/calls?peek={record.call_id}",
        f"/calls/{record.call_id}",
        f"/calls/{record.call_id}/proof",
        f"/calls/{record.call_id}.json",
        "/endpoints",
        "/endpoints/bot",
        "/spend",
        "/spend?by=day&range=30d",
        "/resources",
        "/resources/Model/bot",
        "/audit",
    )
    with Server(application_of(routes)) as server:
        visitor = Visitor(server)
        visitor.sign_in(rooms.key().reveal())
        replies = [visitor.get(f"/console{path}") for path in paths]

    assert [reply.status for reply in replies] == [200] * len(paths)
    assert "bot@1" in replies[3].text


def test_the_worst_alert_is_first_and_money_leads_to_spend(rooms):
    retired = rooms.clock.now().date() + timedelta(days=9)
    spec = f"{{provider: echo, model: echo-1, retires_on: '{retired}'}}"
    rooms.declare(
        ECHO, hosted(), endpoint("bot", "bot@1"), resource("Deprecation", "echo", spec)
    )
    spent = Alert(code=SPENT, message="budget b: 100 % of $1.00", severity="critical")
    with rooms.database.write() as connection:
        raise_alert(connection, spent, rooms.now_us)
    first, second = rooms.data().overview(rooms.now_us).alerts

    assert (first.title, first.href) == (SPENT, "/console/spend")
    assert second.title == f"echo-1 retires on {retired}"
    assert second.detail == "in 9 days; bot may be answered by bot@1"
    assert second.href == "/console/endpoints/bot"


def test_calls_older_than_a_day_are_no_traffic(rooms):
    rooms.spool(rooms.record(1, ago_s=DAY_US // 1_000_000 + 60))
    view = rooms.data().overview(rooms.now_us)

    assert view.windows[1].calls == 0
    assert not any(point.calls for point in view.traffic)


def _bot_without_provider():
    return hosted(), endpoint()


def _plain(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _entry():
    return Entry("service-account:operator", "stack.plan", "Stack/1")
