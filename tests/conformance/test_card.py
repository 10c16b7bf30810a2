"""The scorecard counts what it is given, hides nothing, and is the one shown."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.conformance import card
from tests.conformance.examine import Score, sort
from tests.conformance.suites import GUESTS, NOT_OURS, OURS, SUITES

REPORT = """<suite>
<testcase classname="a" name="test_well"/>
<testcase classname="a" name="test_wrong"><failure message="no"/></testcase>
<testcase classname="a" name="test_list[strict]"><error message="no"/></testcase>
<testcase classname="a" name="test_list"/>
<testcase classname="a" name="test_not"><skipped message="needs a voice"/></testcase>
</suite>"""


def scores():
    cases = list(ET.fromstring(REPORT))
    return [
        sort("client", cases, {"list": "nothing is listed"}),
        Score("gone", gap="it did not come"),
        Score("other", absent="it speaks nothing of ours"),
    ]


def test_cases_are_sorted_and_none_is_hidden():
    score = scores()[0]

    assert score.passed == 2
    assert score.wrong == ["a.test_wrong"]
    assert score.excluded == {"nothing is listed": 1, "skips itself: needs a voice": 1}
    assert [s.verdict for s in scores()] == ["fail", "gap", "not ours"]


def test_a_suite_without_tests_fails():
    assert sort("client", [], {}).verdict == "fail"


def test_each_form_tells_the_counts_and_the_reasons():
    text = card.as_markdown(scores())
    told = json.loads(card.as_json(scores()))

    assert "| client | 2 | 2 | 1 | fail |" in text
    assert "- fail: client: a.test_wrong" in text
    assert "- gap: gone: it did not come" in text
    assert "- not ours: other: it speaks nothing of ours" in text
    assert told["totals"] == {"passed": 2, "excluded": 2, "failed": 1}
    assert [e["verdict"] for e in told["examiners"]] == ["fail", "gap", "not ours"]
    assert card.as_table(scores()).row_count == 3


def test_the_page_shows_every_examiner():
    page = Path("docs/explanation/scorecard.md").read_text()
    names = [suite.name for suite in SUITES] + [*GUESTS, *OURS, *NOT_OURS]

    assert [name for name in names if f"| {name} |" not in page] == []


def test_what_examines_is_never_locked():
    locked = Path("requirements/dev.lock").read_text()

    assert not [n for n in ("litellm", "langchain") if f"\n{n}" in locked]
