"""Review by keyboard, and quality over time: what the pages say and do."""

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.visible import Viewer
from roadbed.console.golden import turns
from roadbed.console.learning.chart import charts
from roadbed.console.learning.live import LiveLearning
from roadbed.core.actor import Principal
from roadbed.core.errors import Denied, NotFound
from roadbed.data.tables import dataset_versions
from roadbed.evals.golden import Draft, Golden
from roadbed.evals.review import Label
from tests.console.browse import open_page
from tests.console.learned import NOW, SAID, step
from tests.console.sample import EmptyData
from tests.console.served import hidden

QUEUE = "/console/golden/support-golden"


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/console/golden", "Review"),
        (QUEUE, "support-golden"),
        ("/console/golden/tumor-golden", "tumor-golden"),
        (f"{QUEUE}?after={SAID.id}", "support-golden"),
        ("/console/endpoints/reply-draft/quality", "Quality of reply-draft"),
        ("/console/endpoints/reply-draft/quality?range=7d", "Quality of reply-draft"),
    ],
)
def test_every_page_has_its_heading(reader, path, heading):
    reply = reader.get(path)

    assert reply.status == 200
    assert f"<h1>{heading}</h1>" in reply.text


def test_an_empty_line_says_how_to_begin():
    empty = EmptyData().learning(lambda: NOW)

    assert empty.queues() == ()
    assert charts(empty.quality("bot", (0, NOW)).steps, (0, NOW)) == []


def form(reader, **given):
    token = hidden(reader.get(QUEUE).text, "token")
    known = {"token": token, "candidate": SAID.id, "form": "text"}
    return {**known, "verdict": "accept", "expected": "Within 14 days.", **given}


def test_what_is_said_is_kept_and_the_next_case_comes(reader, data):
    reply = reader.post(QUEUE, form(reader))

    assert reply.status == 303
    assert reply.headers["location"] == f"{QUEUE}?said=accepted"
    dataset, candidate, label = data.learned.labels[-1]
    assert (dataset, candidate) == ("support-golden", SAID.id)
    assert (label.verdict, label.expected) == ("accept", "Within 14 days.")
    assert label.annotator == "service-account:operator"

    reader.post(QUEUE, form(reader, form="json", expected='{"a": 1}'))
    assert data.learned.labels[-1][2].expected == {"a": 1}
    reader.post(QUEUE, form(reader, verdict="reject"))
    assert data.learned.labels[-1][2].expected is None


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"token": "forged-forged-forged"}, 403),
        ({"verdict": "perhaps"}, 400),
        ({"form": "json", "expected": "{no"}, 400),
    ],
)
def test_what_is_no_answer_is_refused(reader, data, given, status):
    before = len(data.learned.labels)

    assert reader.post(QUEUE, form(reader, **given)).status == status
    assert len(data.learned.labels) == before


def test_keys_alone_review(tab, server, data):
    open_page(tab, server.url + QUEUE)
    tab.keyboard.press("e")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("Within two weeks.")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url("**?said=accepted")
    assert data.learned.labels[-1][2].expected == "Within two weeks."

    tab.keyboard.press("r")
    tab.wait_for_url("**?said=rejected")
    assert data.learned.labels[-1][2].verdict == "reject"
    tab.keyboard.press("n")
    tab.get_by_text("Nothing is left for you here").wait_for()


def test_what_was_asked_is_shown_as_who_said_what():
    assert turns("hi") == [("user", "hi")]
    assert turns({"a": 1.5}) == [("a", "1.5")]
    assert turns([{"role": "system", "content": "be brief"}]) == [
        ("system", "be brief")
    ]


def test_a_chart_keeps_to_its_place_whatever_the_values():
    steps = [step("cost", "m@1", day, 0.5, 0.1) for day in (0, 28)]
    big = step("cost", "m@2", 5, 0.9, 0.2)
    (chart,) = charts([*steps, big], (NOW - 30 * 86_400_000_000, NOW))

    assert (chart.bottom, chart.top) == (0.0, 1.0)
    for dot in chart.dots:
        assert 0 <= dot.x <= 100
        assert 0 <= dot.high_y <= dot.y <= dot.low_y <= chart.height
    assert [dot.shade for dot in chart.dots] == [0, 0, 1]


@pytest.fixture
def learning(database):
    """Return what somebody with these roles sees; the queue has one case of a call."""
    golden = Golden(database, lambda: NOW)
    golden.add("tea", [Draft(input="x", call_id="local-1", endpoint="bot")], "ada")
    with database.write() as connection:
        row = {"name": "tea", "number": 1, "digest": "d", "manifest": {}}
        connection.execute(
            dataset_versions.insert().values(**row, created_us=1, actor="ada")
        )

    def of(*roles, tenant="default"):
        who = Principal(
            kind="user", name="idp#1", roles=frozenset(roles), tenant=tenant
        )
        viewer = Viewer(authority=compile_policies({}), principal=who, now_us=NOW)
        return LiveLearning(database=database, viewer=viewer, now_us=lambda: NOW)

    return of


def test_an_annotator_sees_the_queue_and_others_do_not(learning):
    seen = learning("annotator")
    (queue,) = seen.queues()
    found = seen.desk("tea", "").candidate

    assert (queue.dataset, queue.open, found.input) == ("tea", 1, "x")
    assert learning("viewer").queues() == ()
    assert learning("annotator", tenant="other").queues() == ()
    other = learning("viewer").desk("tea", "")
    assert other.candidate is None
    said = Label(annotator="a", verdict="reject")
    with pytest.raises(Denied):
        learning("viewer").label("tea", found.id, said)
    with pytest.raises(NotFound):
        seen.label("milk", found.id, said)
    assert seen.label("tea", found.id, said) == "rejected"
