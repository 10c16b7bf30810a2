"""The pages of evaluations, over HTTP, of a line whose versions were evaluated."""

import re
from dataclasses import replace

import pytest

from roadbed.access.visible import Viewer
from roadbed.console.assays import of_reports
from roadbed.console.assays.asked import Score
from roadbed.console.assays.filters import CaseFilter, Pair
from roadbed.console.assays.forest import forest
from roadbed.console.assays.live import LiveAssays
from roadbed.console.assays.wording import MOST, Piece, words
from roadbed.console.words import MINUS
from roadbed.control.questions.render import render
from roadbed.core.decision import Decision
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.server.main import rooms
from tests.console.browse import Trouble, go, open_page
from tests.console.evaluated import Evaluated
from tests.console.hostile import hostile
from tests.console.sample import SampleData
from tests.console.served import READER, Authority, Server, Visitor, application
from tests.console.test_browser import violations
from tests.console.test_hostile import Reader


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A line of which two versions were evaluated; no test changes it."""
    line = Evaluated(tmp_path_factory.mktemp("school")).furnish()
    yield line
    line.close()


@pytest.fixture(scope="module")
def served(school):
    with Server(school.application()) as running:
        yield running


@pytest.fixture
def page(served):
    visitor = Visitor(served)
    visitor.sign_in()

    def get(path):
        reply = visitor.get(f"/console{path}")
        assert reply.status == 200, reply.text
        return plain(reply.text)

    return get


def plain(text):
    return re.sub(r"\s+", " ", text)


def newest(school):
    return f"/evaluations/exam/{school.reports[1][7:23]}"


def seen_by(school, *refused, tenant="default"):
    """Return what somebody sees who may not do *refused*."""

    class Some(Authority):
        def decide(self, principal, action, target, now_us=0):
            return Decision(
                allowed=action not in refused, reasons=("",), policy_digest=""
            )

    viewer = Viewer(authority=Some(), principal=replace(READER, tenant=tenant))
    return LiveAssays(rooms(school.app), viewer)


def test_the_list_says_how_the_pinned_version_and_the_newest_stand(page):
    found = page("/evaluations")
    exam = found[found.index(">exam</a>") : found.index(">kind</a>")]

    assert re.search(r"pupil@1</a></span>.*passed.*pupil@2</a></span>.*failed", exam)
    assert "waived until 2" in exam
    assert "at most 0.1 worse than in service, and reaches 0.5" in exam
    assert "not run" in found[found.index(">kind</a>") :]


def test_one_evaluation_says_what_its_cases_can_show_and_what_was_shown(page, school):
    found = page("/evaluations/exam")
    scores = [
        gated.candidate.said["graders"]["right"]["interval"]["value"]
        for gated in (school.old, school.new)
    ]

    assert "40 cases show a difference of" in found
    assert "from 40 cases of an earlier run" in found
    assert "these cases are too few to settle a tolerance of 0.1" in found
    assert all(f"<b>{score:.3g}</b>" in found for score in scores)
    assert found.count('<svg class="dots"') >= 8
    assert "the old one is gone" in found.lower()
    assert 'href="/console/datasets/questions/1"' in found


def test_an_evaluation_that_was_not_run_says_which_command_does(page):
    assert "roadbed eval run school" in page("/evaluations/kind")


def test_a_report_says_what_the_gate_said_and_shows_the_worst_cases(page, school):
    found = page(newest(school))
    sentence = school.new.said["gate"]["bars"]["right"]["sentence"]
    wrong = [
        row
        for row in school.rows(school.new.candidate.said)
        if row["grades"]["right"] == [0.0]
    ]

    assert 'href="/console/models/pupil/2">pupil@2' in found
    assert sentence[:40].replace("<", "&lt;").capitalize()[1:] in found
    assert f"{len(wrong)} cases" in found
    assert f"<code>{wrong[0]['id']}</code>" in found
    for text in ("what is", "WHAT IS", "no idea", "got &#34;no idea&#34;"):
        assert text in found
    assert re.search(r'href="/console/calls/[^"]+">Why this answer', found)


def test_the_worst_cases_are_paged_and_chosen_by_tag(school):
    assays = seen_by(school)
    digest = school.reports[1]
    first = assays.report("exam", digest, CaseFilter()).worst
    last = assays.report("exam", digest, CaseFilter(page="99")).worst
    hard = assays.report("exam", digest, CaseFilter(tag="hard")).worst

    assert first.of == first.listed > of_reports.CASES == len(first.cases)
    assert last.page == last.pages == -(-first.of // of_reports.CASES)
    assert not {c.id for c in first.cases} & {c.id for c in last.cases}
    assert 0 < hard.of < first.of
    assert all("hard" in case.tags for case in hard.cases)
    with pytest.raises(Invalid, match="no grader"):
        assays.report("exam", digest, CaseFilter(grader="nothing"))


def test_of_many_cases_only_the_worst_are_held(school, monkeypatch):
    monkeypatch.setattr(of_reports, "KEPT", 3)
    said = school.new.candidate.said
    by = "right", {"direction": "higher", "binary": False}
    rows, count = of_reports.worst_rows(school.app.blobs, said["rows"], by, "")
    known = sorted(school.rows(said), key=lambda r: (r["grades"]["right"][0], r["at"]))

    assert count == 40
    assert [row.id for row in rows] == [row["id"] for row in known[:3]]


def test_two_versions_are_compared_case_by_case_and_word_by_word(page, school):
    found = page("/evaluations/exam/compare")
    compared = school.new.comparison["graders"]["right"]["comparison"]

    assert f"{MINUS}{abs(compared['difference']):.3g}</b>" in found
    assert found.count("worse") > 10
    assert re.search(r"<del>WHAT IS \d+</del> <ins>no idea</ins>", found)
    assert "p, adjusted" in found
    assert 'class="zero"' in found


def test_a_report_is_compared_with_none_but_its_like(school):
    assays = seen_by(school)
    old, new = school.reports
    turned = assays.compare("exam", Pair(before=new, after=old))
    same = assays.compare("exam", Pair(before=new, after=new))

    assert turned.graders[0].verdict == "better"
    assert same.graders == ()
    with pytest.raises(NotFound):
        assays.compare("kind", Pair(before=new, after=old))
    with pytest.raises(Invalid):
        Pair(before="newest")


def test_a_judge_is_shown_with_what_people_and_probes_say_of_it(page):
    found = page("/judges")

    assert "does not suffice" in found
    assert "It lets 25% of the probe overlong pass" in found
    assert "Cohen&#39;s kappa" in found
    assert re.search(r"The order changed the verdict</dt><dd[^>]*>\s*<b>0\.13", found)
    assert "No agreement with people is declared in its gate" in found
    assert 'href="/console/endpoints/school">school' in found


def test_endpoint_version_and_difference_lead_to_the_evaluations(page):
    endpoint, version = page("/endpoints/school"), page("/models/pupil/2")
    changes = page("/models/pupil/diff?from=1&to=2")

    assert 'href="/console/evaluations/exam"' in endpoint
    assert re.search(r"Evaluations of this version.*exam.*failed.*waived", version)
    assert re.search(r"exam, right: 0\.\d+ \(.* to .*\) → 0\.\d+ \(", changes)


def test_the_difference_says_what_was_evaluated_to_whom_may_see_it(school):
    comparer = school.app.comparer(lambda name: True)
    refs = parse("pupil@1"), parse("pupil@2")
    hidden = replace(comparer, may_report=lambda report: False)

    assert "exam, right: " in render(comparer.of_versions(*refs))
    assert "no evaluation reports yet" in render(hidden.of_versions(*refs))
    assert "evaluation    the same" in render(comparer.of_versions(refs[0], refs[0]))


@pytest.mark.parametrize(
    ("refused", "gone", "told"),
    [
        ("call.read-payload", ("answer",), "may not read answers"),
        ("dataset.read", ("asked", "expected"), "may not read the golden set"),
    ],
)
def test_what_may_not_be_read_is_not_shown(school, refused, gone, told):
    assays = seen_by(school, refused)
    cases = assays.report("exam", school.reports[1], CaseFilter()).worst
    changed = assays.compare("exam", Pair())

    assert all(getattr(case, name) is None for case in cases.cases for name in gone)
    assert told in " ".join(cases.unread)
    assert told in " ".join(changed.unread)
    explained = [g.explanation for case in cases.cases for g in case.grades]
    assert any(explained) == (refused == "dataset.read")
    pieces = [case.pieces for case in changed.changed]
    assert (pieces == [None] * len(pieces)) == (refused == "call.read-payload")


def test_another_tenant_and_whoever_may_not_see_find_nothing(school):
    now_us = school.app.now_us()
    for assays in (seen_by(school, "evaluation.read"), seen_by(school, tenant="acme")):
        assert assays.evaluations("", now_us).rows == ()
        assert assays.of_endpoint("school", now_us) == ()
        assert assays.judges(now_us).uses == ()
        assert assays.compare("exam", Pair()).choices == ()
        with pytest.raises(NotFound):
            assays.report("exam", school.reports[0], CaseFilter())


def test_an_address_of_nothing_is_answered_so(served, school):
    visitor = Visitor(served)
    visitor.sign_in()
    digest = school.reports[0][7:23]
    asked = {
        "/evaluations/none": 404,
        "/evaluations/exam/0000000000000000": 404,
        f"/evaluations/kind/{digest}": 404,
        f"/evaluations/exam/{digest}?page=0": 400,
        "/evaluations/exam/compare?before=%25": 400,
        "/evaluations?after=%27": 400,
    }

    assert {p: visitor.get(f"/console{p}").status for p in asked} == asked


def test_words_are_compared_and_no_more_than_some():
    pieces, cut = words("It is valid for 90 days.", "It is valid for 30 days, I think.")
    long, was_cut = words("a " * 10_000, "b " * 10_000)

    assert pieces[:2] == (Piece("same", "It is valid for"), Piece("same", " "))
    assert Piece("gone", "90 days.") in pieces
    assert "".join(p.text for p in pieces if p.how != "gone").split() == (
        ["It", "is", "valid", "for", "30", "days,", "I", "think."]
    )
    assert not cut
    assert was_cut
    assert sum(len(piece.text.split()) for piece in long) <= 2 * MOST
    assert words("", "")[0] == ()


@pytest.mark.parametrize("differences", [False, True])
def test_intervals_are_drawn_on_one_scale_within_the_picture(differences):
    ends = [(0.2, 0.1, 0.4), (-0.7, -1.5, None), (None, None, None), (3.0, 2.5, 9.0)]
    scores = [Score(name="x", value=v, low=a, high=b) for v, a, b in ends]
    drawn = forest(scores, differences=differences, mark=0.5)
    places = [p for row in drawn.rows for p in (row.left, row.x, row.right)]
    inside = [p for p in (*places, drawn.mark, *(x for x, _ in drawn.ticks)) if p]

    assert all(0 <= place <= 100 for place in inside)
    assert drawn.rows[0].left < drawn.rows[0].x < drawn.rows[0].right
    assert drawn.rows[1].x < drawn.rows[0].x < drawn.rows[3].x
    assert (drawn.zero is None) is not differences
    assert forest([]).ticks
    assert forest([Score(name="x", value=1.0, low=1.0, high=1.0)]).rows[0].x


class Twisted:
    """Other evaluations, with an attack in every text."""

    def __init__(self, assays, school):
        self._assays, self._school = assays, school

    def __getattr__(self, name):
        given = {
            "evaluations": ("", 0),
            "evaluation": ("exam", 0),
            "report": ("exam", self._school.reports[1], CaseFilter()),
            "compare": ("exam", Pair()),
            "judges": (0,),
            "of_endpoint": ("school", 0),
            "of_version": ("pupil@2", 0),
        }[name]
        answer = getattr(self._assays, name)(*given)
        return lambda *ignored: hostile(answer)


def test_an_attack_in_every_text_stays_text(school):
    sample = SampleData()
    sample.assays = Twisted(seen_by(school), school)
    with Server(application(sample)) as running:
        visitor = Visitor(running)
        visitor.sign_in()
        for path in ("", "/exam", "/exam/0123456789abcdef", "/exam/compare"):
            reply = visitor.get(f"/console/evaluations{path}")
            reader = Reader()
            reader.feed(reply.text)
            assert (reply.status, reader.bad) == (200, []), path


@pytest.mark.browser
def test_the_pages_are_accessible_in_both_themes_and_fit(chromium, served, school):
    visitor = Visitor(served)
    visitor.sign_in()
    context = chromium.new_context(reduced_motion="reduce")
    cookies = [{"name": n, "value": v} for n, v in visitor.cookies.items()]
    context.add_cookies([{**each, "url": served.url} for each in cookies])
    tab = context.new_page()
    trouble = Trouble(served.url)
    trouble.watch(tab)
    found, widths = {}, {}
    paths = ("/evaluations/exam", newest(school), "/evaluations/exam/compare")
    for path in ("/evaluations", *paths, "/judges"):
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            open_page(tab, f"{served.url}/console{path}")
            found[path, scheme] = violations(tab)
        tab.set_viewport_size({"width": 400, "height": 800})
        widths[path] = tab.evaluate("document.documentElement.scrollWidth")
        tab.set_viewport_size({"width": 1280, "height": 900})
    open_page(tab, f"{served.url}/console")
    go(tab, "t", f"{served.url}/console/evaluations")

    assert {where: each for where, each in found.items() if each} == {}
    assert max(widths.values()) <= 400
    assert trouble.collect(tab) == []
    context.close()
