"""The pages of rollouts: real rows, real looks, and in a browser while they move."""

import re
import shlex
import subprocess
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from roadbed.console.rollouts.asked import Event
from roadbed.console.rollouts.filters import GROUPS, RolloutFilter
from roadbed.console.rollouts.gauges import bet, gauge
from roadbed.console.rollouts.strip import HEIGHT, strip
from roadbed.console.rollouts.wording import (
    apart,
    level,
    seconds,
    short_of,
    unit_of,
    weight_words,
)
from roadbed.console.words import MINUS, NOTHING
from roadbed.core.decision import Decision
from roadbed.core.errors import Conflict, Denied, Invalid, NotFound
from roadbed.database.engine import open_database
from roadbed.gateway.alerts import list_alerts
from roadbed.rollouts import store
from roadbed.rollouts.shown import Tile, tiles
from roadbed.rollouts.state import Phase
from roadbed.server.rolling import INCONCLUSIVE, ROLLED_BACK, Alerts
from tests.console.browse import Trouble, go, open_page, settled
from tests.console.hostile import hostile
from tests.console.rolled import DAY_US, MINUTE_US, NAMES, Rolled, several
from tests.console.sample import EmptyData, SampleData
from tests.console.served import (
    READER,
    VIEWER_KEY,
    Authority,
    Server,
    Visitor,
    application,
    hidden,
)
from tests.console.test_browser import violations
from tests.console.test_hostile import Reader

MOVING = ("moving", "steered", "keyed", "raced")


class Careful(Authority):
    """The guest may see rollouts, and do nothing to them."""

    def decide(self, principal, action, target, now_us=0):
        if principal.name == "guest" and action.startswith("rollout."):
            reasons = ("no role of guest includes it",)
            return Decision(allowed=False, reasons=reasons, policy_digest="")
        return super().decide(principal, action, target, now_us)


@pytest.fixture(scope="module")
def line(tmp_path_factory, empty_file):
    """A line with a rollout in each state; tests move only those of `MOVING`."""
    folder = tmp_path_factory.mktemp("rolled")
    (folder / "control.db").write_bytes(empty_file.read_bytes())
    database = open_database(f"sqlite:///{folder / 'control.db'}")
    made = Rolled(folder, database).furnish((*NAMES, *MOVING))
    made.made = several(made)
    yield made
    database.close()


@pytest.fixture(scope="module")
def refused():
    return []


@pytest.fixture(scope="module")
def served(line, refused):
    with Server(line.application(Careful(), refused.append)) as running:
        yield running


@pytest.fixture
def visitor(served):
    someone = Visitor(served)
    someone.sign_in()
    return someone


@pytest.fixture
def guest(served):
    someone = Visitor(served)
    someone.sign_in(VIEWER_KEY)
    return someone


def text_of(visitor, path):
    reply = visitor.get(f"/console{path}")
    assert reply.status == 200, reply.text
    return re.sub(r"\s+", " ", reply.text)


def found(line, rollout_id):
    with line.database.read() as connection:
        return store.get(connection, rollout_id)


def posted(visitor, rollout_id, door="steer", **given):
    page = f"/console/rollouts/{rollout_id}"
    text = visitor.get(page).text
    known = {"token": hidden(text, "token"), "reason": "because"}
    known |= {
        "revision": (re.findall(r'name="revision" value="(\d+)"', text) or [""])[0]
    }
    return visitor.post(f"{page}/{door}", {**known, **given})


def test_every_phase_is_in_one_group():
    phases = [phase for _, some in GROUPS.values() for phase in some]

    assert sorted(phases) == sorted(Phase.__args__)


def test_the_list_shows_each_state_and_what_needs_somebody_first(visitor):
    text = text_of(visitor, "/rollouts")
    labels = [label for label, _ in GROUPS.values()]
    places = [text.index(f'scope="rowgroup">{label}') for label in labels]
    waiting = text[places[0] : places[1]]

    assert places == sorted(places)
    for endpoint, state in (
        ("risk-score", "paused"),
        ("handbook", "waits for approval"),
        ("reply-draft", "inconclusive"),
    ):
        assert re.search(rf">{endpoint}</a>.*?</svg>{state}</span>", waiting)
    assert re.search(r">support</a>.*?50 %.*?3 of 4", text[places[1] : places[2]])
    assert "errors got worse" in text[places[2] :].lower()


def test_the_list_is_filtered_and_an_address_keeps_it(visitor):
    over = text_of(visitor, "/rollouts?state=over")
    triage = text_of(visitor, "/rollouts?endpoint=triage")
    none = text_of(visitor, "/rollouts?endpoint=triage&state=waiting")

    assert ">Under way</th>" not in over
    assert triage.count("data-row") == 3
    assert "No rollout is like that" in none
    for wrong in ("state=gone", "endpoint=%22", "before=%3C"):
        assert visitor.get(f"/console/rollouts?{wrong}").status == 400


def test_many_that_are_over_are_paged(line):
    for number in range(14):
        at = {"ago_us": (20 + number) * DAY_US, "id": f"ro-old-{number:02}"}
        line.begin("search-rank", None, **at)
    rolling = line.seen_by()
    wanted = RolloutFilter(endpoint="search-rank")
    first = rolling.rollouts(wanted, 0).groups[-1]
    assert len(first.rows) == 12
    rest = rolling.rollouts(replace(wanted, state="over", before=first.older), 0)
    rows = (*first.rows, *rest.groups[0].rows)
    known = [row.id for row in rows if row.id.startswith("ro-old")]

    assert known == [f"ro-old-{number:02}" for number in range(14)]
    assert rest.groups[0].older == ""


def test_an_empty_list_teaches_the_block():
    with Server(application(EmptyData())) as running:
        visitor = Visitor(running)
        visitor.sign_in()
        text = text_of(visitor, "/rollouts")

    assert "Nothing was rolled out yet" in text
    assert "- {percent: 5, hold_s: 600, units: 200}" in text


def test_one_that_moves_says_where_it_is_and_what_it_waits_for(visitor, line):
    rollout = line.made["support"]
    text = text_of(visitor, "/rollouts/ro-support")
    errors = tiles(rollout)[0]

    assert '<dd class="num" id="weight">50 %</dd>' in text
    assert re.search(r'route-here" aria-current="step"><b>50 %</b>', text)
    assert text.count('class="route-done"') == 3
    assert f"{rollout.state.seen:,} of 1,500 units of support-model@2 seen" in text
    assert "output-tokens shown to be no worse" in text
    assert "disliked shown" not in text
    assert f"{errors.samples_old:,}" in text and f"{errors.new * 100:.2f} %" in text
    assert f"{errors.e_value:.3g}</b>" in text
    assert text.count("roadbed-") == 4 + text.count("roadbed-0-7f9c</code>")


def test_the_strip_and_its_table_say_the_same(visitor, line):
    text = text_of(visitor, "/rollouts/ro-older")
    table = text.partition("The same as a table")[2].partition("</details>")[0]
    shares = re.findall(r'<td class="n">([\d.]+ %)</td>', table)

    assert shares == ["0 %", "5 %", "25 %", "50 %", "95 %", "95 %", "100 %"]
    for share in shares:
        assert f"at {share}" in text[text.index("Weight over time:") :][:400]
    way = text.partition('class="route"')[2].partition("</ol>")[0]
    assert "95 %" in way and "100 %" not in way


def test_one_that_went_back_says_why_with_its_evidence(visitor, line):
    text = text_of(visitor, "/rollouts/ro-triage")
    with line.database.read() as connection:
        changes = store.changes_of(connection, "ro-triage")

    assert re.search(r'route-ended"><b>5 %</b>', text)
    assert "guard guard-worse" in text
    for change in changes[1:]:
        assert change.evidence_digest in text
    assert "by system:rollouts" in text


def test_a_mismatch_of_the_arms_is_a_tile_of_its_own(visitor):
    text = text_of(visitor, "/rollouts/ro-risk-score")

    assert re.search(r"Sample ratio</h3>.*?mismatch</span>.*?&gt; 1,000,000</b>", text)


def test_replicas_say_what_they_have_loaded(visitor):
    text = text_of(visitor, "/rollouts/ro-search-rank")

    assert "2 of 4 replicas have it loaded" in text
    assert re.search(
        r"failed</span>\s*<div class=\"hint\">The artifact&#39;s digest", text
    )


def test_drift_is_shown_with_a_command_that_mends_the_file(visitor, line, tmp_path):
    text = text_of(visitor, "/rollouts")
    (drift,) = line.seen_by().rollouts(RolloutFilter(), 0).drifts
    stack = line.folder / "stack"
    before = (stack / "stack.yaml").read_text()
    copied = tmp_path / "stack.yaml"
    copied.write_text(before)
    subprocess.run(shlex.split(drift.mend), cwd=tmp_path, check=True)
    changed = [
        pair
        for pair in zip(
            before.splitlines(), copied.read_text().splitlines(), strict=True
        )
        if len(set(pair)) > 1
    ]

    assert "triage serves" in text and drift.mend.replace("'", "&#39;") in text
    assert changed == [("  model: triage-model@2", "  model: triage-model@1")]
    for path in ("/rollouts/ro-triage", "/endpoints/triage"):
        assert "drift from Git" in text_of(visitor, path)
    assert "drift from Git" not in text_of(visitor, "/rollouts/ro-older")


@pytest.mark.parametrize(
    ("name", "serving"),
    [("triage", ["@1"]), ("support", ["@1", "@2"]), ("search-rank", ["@1"])],
)
def test_models_say_what_rollouts_serve_of_them(visitor, line, name, serving):
    rows = text_of(visitor, "/models").split("<tr")
    (row,) = (each for each in rows if f">{name}-model</a>" in each)
    told = re.findall(rf'endpoints/{name}">.*?{name}-model(@\d)</span>', row)

    assert told == serving
    for number in (1, 2):
        text = text_of(visitor, f"/models/{name}-model/{number}")
        assert ("in service" in text) == (f"@{number}" in serving)


def test_what_waits_for_somebody_is_told_once(visitor, line):
    before = text_of(visitor, "")
    Alerts(database=line.database, now_us=lambda: line.now_us).look()
    with line.database.read() as connection:
        raised = list_alerts(connection)

    assert {alert.code for alert in raised} >= {ROLLED_BACK, INCONCLUSIVE}
    assert text_of(visitor, "").count('class="alert ') == before.count('class="alert ')


def test_overview_endpoints_and_calls_lead_to_rollouts(visitor, line):
    record, payload = line.record(
        1, endpoint="support", rollout="ro-support", arm="new", bucket=1204
    )
    old = line.record(2, endpoint="support", rollout="ro-support", arm="old")
    line.spool((record, payload), old)
    overview, endpoints = text_of(visitor, ""), text_of(visitor, "/endpoints")
    badge = r'href="/console/rollouts/ro-support">.*?@2 50 %</a>'

    assert re.search(badge, overview) and re.search(badge, endpoints)
    assert "risk-score needs somebody" in overview
    assert re.search(badge, text_of(visitor, "/endpoints/support"))
    call = text_of(visitor, f"/calls/{record.call_id}")
    assert 'href="/console/rollouts/ro-support">ro-support</a>' in call
    assert "1,204 of 10,000" in call
    (its,) = re.findall(
        r'href="([^"]*)">Its calls', text_of(visitor, "/rollouts/ro-support")
    )
    listed = text_of(visitor, its.replace("&amp;", "&").removeprefix("/console"))
    assert listed.count("data-row") == 1 and f"call-{record.call_id}" in listed
    assert "rollout: <b>ro-support</b>" in listed


def test_who_may_not_steer_is_told_so_and_is_refused(guest, line, refused):
    text = text_of(guest, "/rollouts/ro-support")
    for door in ("steer", "rollback"):
        given = {"token": "", "reason": "x", "what": "pause", "revision": "1"}
        assert guest.post(f"/console/rollouts/ro-support/{door}", given).status == 403

    assert re.search(r'id="do-rollback"[^>]* disabled aria-describedby', text)
    assert "it needs the permission rollout.rollback: no role of guest" in text.lower()
    assert "<dialog class=" not in text
    assert {"rollout.steer", "rollout.rollback"} <= {each.action for each in refused}
    assert found(line, "ro-support").state.phase == "canary"


def test_another_tenant_and_whoever_may_not_see_find_nothing(line):
    class Blind(Authority):
        def decide(self, principal, action, target, now_us=0):
            allowed = action != "endpoint.read"
            return Decision(allowed=allowed, reasons=(), policy_digest="")

    theirs = line.seen_by(line.snapshot().authority, tenant="acme")
    for rolling in (theirs, line.seen_by(Blind())):
        view = rolling.rollouts(RolloutFilter(), line.now_us)
        assert view.empty and view.drifts == () and view.endpoints == ()
        assert rolling.newest() == {}
        for ask in (
            lambda each=rolling: each.rollout("ro-support", line.now_us),
            lambda each=rolling: each.endpoint_of("ro-support"),
            lambda each=rolling: each.steer("ro-support", "pause", "x", 4, 0),
            lambda each=rolling: each.roll_back("ro-support", "x", 0),
            lambda each=rolling: each.rollouts(RolloutFilter(before="ro-older"), 0),
        ):
            with pytest.raises(NotFound, match="no rollout called"):
                ask()


def test_people_pause_resume_and_promote(visitor, line):
    begun = line.begin("steered", ago_us=30 * MINUTE_US)
    line.look(begun, 4, minutes=10, every=2)
    said = []
    for what in ("pause", "resume", "promote"):
        reply = posted(visitor, "ro-steered", what=what, reason=f"to {what}")
        assert reply.headers["location"] == f"/console/rollouts/ro-steered?said={what}"
        said.append(found(line, "ro-steered").state.phase)
    text = text_of(visitor, "/rollouts/ro-steered?said=promote")

    assert said == ["paused", "canary", "promoted"]
    assert "It is promoted" in text
    assert text.count("by service-account:operator") >= 3
    assert [a.name for a in _possible(line, "ro-steered")] == ["rollback"]
    reply = posted(visitor, "ro-steered", "rollback")
    after = reply.headers["location"].partition("?")[0].rpartition("/")[2]
    assert found(line, after).new == "steered-model@1"
    assert _possible(line, after) == []


def _possible(line, rollout_id):
    page = line.seen_by().rollout(rollout_id, line.now_us)
    return [act for act in page.acts if act.possible]


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"token": "forged"}, 403, "not from this page"),
        ({"reason": "  "}, 400, "a reason goes into the audit log"),
        ({"revision": "0"}, 409, "look again"),
        ({"revision": ""}, 400, "names no revision"),
        ({"what": "approve"}, 409, "too late, or too soon"),
        ({"what": "rollback"}, 400, "nothing is called"),
        ({"what": "supersede"}, 400, "nothing is called"),
    ],
)
def test_what_is_no_order_is_refused_on_the_page(visitor, line, given, status, told):
    before = found(line, "ro-support").state
    reply = posted(visitor, "ro-support", **{"what": "pause"} | given)

    assert (reply.status, told in reply.text.lower()) == (status, True)
    assert found(line, "ro-support").state == before
    if status == 409 and given.get("what") is None:
        assert re.search(r'<dialog class="act" id="act-pause"[^>]* open', reply.text)


def test_who_began_it_does_not_approve_it(line):
    mine = replace(READER, name="ci")
    page = line.seen_by(principal=mine).rollout("ro-handbook", line.now_us)
    acts = {act.name: act for act in page.acts if act.possible}

    assert set(acts) == {"approve", "abort"}
    assert "somebody else approves" in acts["approve"].refused
    with pytest.raises(Denied):
        line.seen_by(principal=mine).steer("ro-handbook", "approve", "x", 0, 1)
    with pytest.raises(Invalid):
        line.seen_by().steer("ro-handbook", "rollback", "x", 0, 1)


def test_only_the_newest_rollout_of_an_endpoint_goes_back(line):
    assert _possible(line, "ro-older") == []
    with pytest.raises(Conflict, match="newer rollout"):
        line.seen_by().roll_back("ro-older", "x", line.now_us)


class Twisted:
    """Other rollouts, with an attack in every text."""

    def __init__(self, rolling, rollout_id="ro-triage"):
        self._rolling, self._id = rolling, rollout_id

    def __getattr__(self, name):
        given = {
            "rollouts": (RolloutFilter(), 0),
            "rollout": (self._id, 0),
            "newest": (),
        }[name]
        answer = getattr(self._rolling, name)(*given)
        if name == "newest":
            names = iter(("handbook", "reply-draft", "tumor-triage"))
            answer = {next(names): hostile(answer[n]) for n in ("support", "triage")}
            return lambda: answer
        twisted = hostile(answer)
        if name == "rollouts":  # Their names are ours, and become addresses.
            pairs = zip(twisted.groups, answer.groups, strict=True)
            groups = tuple(replace(b, name=g.name, older=g.older) for b, g in pairs)
            twisted = replace(twisted, groups=groups)
        return lambda *ignored: twisted


@pytest.mark.parametrize("rollout_id", ["ro-triage", "ro-support", "ro-search-rank"])
def test_an_attack_in_every_text_stays_text(line, rollout_id):
    sample = SampleData()
    sample.rolling = Twisted(line.seen_by(), rollout_id)
    with Server(application(sample)) as running:
        visitor = Visitor(running)
        visitor.sign_in()
        paths = ("/rollouts", "/rollouts/any", "", "/endpoints", "/endpoints/handbook")
        for path in paths:
            reply = visitor.get(f"/console{path}")
            reader = Reader()
            reader.feed(reply.text)
            assert (reply.status, reader.bad) == (200, []), path


def test_an_interval_is_drawn_against_its_margin_within_the_picture(line):
    for rollout in line.made.values():
        for tile in tiles(rollout):
            for better in ("lower", "higher"):
                drawn = gauge(replace(tile, better=better))
                places = (drawn.zero, drawn.margin, drawn.x, drawn.left, drawn.right)
                assert all(0 <= each <= 100 for each in places if each is not None)
                assert (drawn.margin > drawn.zero) == (better == "lower")
                assert drawn.bad_x + drawn.bad_width <= 100


@pytest.mark.parametrize("limit", [20.0, 60.0, 1000.0])
def test_a_bet_is_drawn_on_a_logarithmic_scale(limit):
    places = [bet(value, limit).x for value in (0, 1e-9, 0.5, 1, 5, limit, 1e300)]
    won = bet(limit, limit)

    assert places == sorted(places)
    assert 0 <= places[0] < places[-1] <= 100
    assert won.x == won.limit > won.one == bet(1.0, limit).x
    assert [text for _, text in won.ticks][-1] == f"{limit:,g}"


def test_the_strip_covers_all_of_the_time():
    def event(at, weight, phase="canary", lasted=10):
        return Event(
            at_us=at,
            phase=phase,
            step=0,
            weight=weight,
            actor="",
            reason="",
            digest="",
            lasted_us=lasted,
        )

    events = [event(0, 0, "approved"), event(10, 500), event(20, 10_000, lasted=80)]
    drawn = strip(events)

    assert sum(part.width for part in drawn.parts) == pytest.approx(100)
    assert [part.height for part in drawn.parts] == [0, HEIGHT / 20, HEIGHT]
    assert strip([]) is None
    assert strip([event(0, 0, "draft")]) is None
    assert strip([event(5, 10_000, "promoted", lasted=0)]) is None


def test_shares_times_and_versions_are_written_for_people():
    assert [weight_words(w) for w in (0, 25, 500, 9_500)] == (
        ["0 %", "0.25 %", "5 %", "95 %"]
    )
    assert [seconds(s) for s in (45, 600, 7_200, 86_400, 604_800)] == (
        ["45 s", "10 min", "2 h", "24 h", "7 d"]
    )
    assert (short_of("bot@8", "bot@7"), short_of("other@8", "bot@7")) == (
        ("@8", "other@8")
    )


def test_a_guardrail_has_the_unit_and_the_decimals_of_what_it_measures():
    def tile(name, kind="continuous", margin=0.02):
        rest = dict.fromkeys(("old", "new", "difference", "low", "high", "e_value"))
        more = {"better": "lower", "judge": True, "samples_old": 0, "samples_new": 0}
        known = {"name": name, "kind": kind, "margin": margin, "verdict": "unknown"}
        return Tile(**rest, **more, **known, limit=60.0)

    errors, cost = tile("errors", "binary"), tile("cost", margin=465_000.0)
    shifted = tile("prediction", margin=0.2)

    assert [apart(errors, v) for v in (0.0123, -0.004, 0.00001, None)] == (
        ["+1.23", f"{MINUS}0.40", "0.00", NOTHING]
    )
    assert (level(errors, 0.0123), unit_of(errors)) == ("1.23 %", "points")
    assert (level(cost, 3_100_000), apart(cost, -58_000)) == (
        ("$0.003100", f"{MINUS}$0.000058")
    )
    assert apart(shifted, 0.314) == "+0.31"
    assert unit_of(shifted) == "standard deviations"
    assert level(tile("output-tokens", margin=24.0), 160.04) == "160.0"


@pytest.fixture
def tab(chromium, served, visitor):
    """A signed-in tab; the test fails if anything at all went wrong in it."""
    context = chromium.new_context(reduced_motion="reduce")
    cookies = [{"name": n, "value": v} for n, v in visitor.cookies.items()]
    context.add_cookies([{**each, "url": served.url} for each in cookies])
    page = context.new_page()
    page.trouble = Trouble(served.url)
    page.trouble.watch(page)
    yield page
    seen = page.trouble.collect(page)
    context.close()
    assert not seen


@pytest.mark.browser
def test_the_pages_are_accessible_in_both_themes_and_fit(tab, served):
    found, widths = {}, {}
    looked_at = {
        "": "light",
        "/ro-triage": "dark",
        "/ro-support?act=rollback": "light",
    }
    for path, scheme in looked_at.items():
        tab.emulate_media(color_scheme=scheme)
        open_page(tab, f"{served.url}/console/rollouts{path}")
        found[path] = violations(tab)
        tab.set_viewport_size({"width": 400, "height": 800})
        widths[path] = tab.evaluate("document.documentElement.scrollWidth")
        tab.set_viewport_size({"width": 1280, "height": 900})
    open_page(tab, f"{served.url}/console")
    go(tab, "l", f"{served.url}/console/rollouts")

    assert {where: each for where, each in found.items() if each} == {}
    assert max(widths.values()) <= 400


@pytest.mark.browser
def test_a_rollout_moves_on_and_the_page_shows_it_without_reloading(tab, served, line):
    moving = line.begin("moving", ago_us=100 * MINUTE_US)
    tab.clock.install()
    open_page(tab, f"{served.url}/console/rollouts/ro-moving")
    weight, phase = tab.locator("#weight"), tab.locator("#phase")
    expect(weight).to_have_text("0 %")
    tab.evaluate("window.stayed = true")
    tab.locator("#do-pause").focus()
    moving = line.look(moving, 6, minutes=20)
    tab.clock.fast_forward(2_500)
    expect(weight).to_have_text("25 %")
    tab.locator("#strip-table summary").click()
    tab.locator("#do-pause").focus()
    moving = line.look(moving, 6, minutes=40, every=2)
    tab.clock.fast_forward(2_500)
    expect(weight).to_have_text(f"{moving.weight // 100} %")
    expect(tab.locator("#do-pause")).to_be_focused()
    expect(tab.locator("#strip-table")).to_have_attribute("open", "")
    rates = {"errors": (0.01, 0.4), "slow": (0.0, 0.0), "disliked": (0.0, 0.0)}
    line.look(moving, 6, minutes=5, rates=rates)
    tab.clock.fast_forward(2_500)
    expect(phase).to_contain_text("rolled back")

    expect(tab.locator("#acts")).to_have_count(0)
    expect(tab.locator(".guard-worse")).to_contain_text("errors")
    assert moving.weight > 500
    assert tab.evaluate("window.stayed")


@pytest.mark.browser
def test_a_page_that_nobody_sees_does_not_ask(tab, served):
    tab.clock.install()
    open_page(tab, f"{served.url}/console/rollouts/ro-support")
    hide = "Object.defineProperty(document, 'hidden', {get: () => window.away})"
    tab.evaluate(f"window.away = true; {hide}")
    settled(tab)
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.clock.fast_forward(10_000)
    settled(tab)
    while_hidden = len(asked)
    tab.evaluate("window.away = false")
    with tab.expect_response(lambda response: "ro-support" in response.url):
        tab.clock.fast_forward(3_000)

    assert while_hidden == 0


@pytest.mark.browser
def test_a_rollout_is_rolled_back_by_keyboard(tab, served, line):
    line.look(line.begin("keyed", ago_us=20 * MINUTE_US), 6, minutes=5)
    open_page(tab, f"{served.url}/console/rollouts/ro-keyed")
    tab.keyboard.press("b")
    dialog = tab.get_by_role("dialog", name="Roll back to keyed-model@1")
    expect(dialog).to_be_visible()
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert found(line, "ro-keyed").state.phase == "canary"
    tab.keyboard.press("b")
    tab.keyboard.type("answers got longer")
    tab.keyboard.press("Enter")
    expect(tab.locator(".told")).to_contain_text("It goes back")

    expect(tab.locator("#phase")).to_contain_text("rolling back")
    state = found(line, "ro-keyed").state
    assert (state.phase, state.reason) == ("rolling_back", "answers got longer")


@pytest.mark.browser
def test_an_order_that_comes_too_late_says_so_in_its_dialog(tab, served, line):
    raced = line.look(line.begin("raced", ago_us=20 * MINUTE_US), 6, minutes=5)
    open_page(tab, f"{served.url}/console/rollouts/ro-raced")
    tab.locator("#do-pause").click()
    line.act(raced, "pause", "I look into it")
    expect(tab.locator("#do-resume")).to_be_attached()  # the page behind goes on
    tab.get_by_role("textbox", name="Reason").fill("me too")
    tab.trouble.allowed.add("409")
    with tab.expect_response(lambda r: r.request.method == "POST") as answer:
        tab.keyboard.press("Enter")

    assert answer.value.status == 409
    dialog = tab.get_by_role("dialog", name="Pause")
    expect(dialog).to_contain_text("paused since: I look into it")
    expect(tab.get_by_role("textbox", name="Reason")).to_have_value("me too")
