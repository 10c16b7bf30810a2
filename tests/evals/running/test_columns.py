"""A report's intervals stay within what its graders can say."""

import pytest

from roadbed.evals.kinds import Use
from roadbed.evals.reports.columns import Columns
from roadbed.evals.running.judges import judge_of
from roadbed.evals.running.rows import Row

GOOD = [*(1 - n / 1000 for n in range(9)), 0.1, 0.11, 0.12] * 2
"""Nearly all right, so that Student's t reaches beyond what there can be."""


def rows(name, values):
    """Return the rows of one answer each, in twelve clusters."""
    for at, value in enumerate(values):
        known = {"id": f"c{at}", "case": f"sha256:{at}", "answers": ["k"]}
        yield Row(
            at=at, cluster=f"k{at % 12}", weight=1.0, tags=["odd"], status=["ok"],
            grades={name: [value]}, errors=[], hits=0, cost_nano=0, input_tokens=0,
            output_tokens=0, latency_us=[1], **known,
        )  # fmt: skip


def interval(grader, values, tag="", **config):
    judge = judge_of(Use(name="one", grader=grader, config=config), str)
    seen = Columns(["one"], ["odd"], 1).take(rows("one", values))
    return seen.interval(judge, 0.05, tag)


@pytest.mark.parametrize("tag", ["", "odd"])
@pytest.mark.parametrize("grader", ["overlap", "json-fields", "citation"])
def test_a_share_ends_at_one_and_a_cost_begins_at_nothing(grader, tag):
    share = interval(grader, GOOD, tag)
    cost = interval("cost", [9 - 9 * value for value in GOOD], tag)

    assert share.high == 1.0
    assert cost.low == 0.0
    assert cost.high > 1.0
    assert share.method == "t, clustered"


def test_a_grader_that_does_not_say_its_bounds_has_none(tmp_path):
    code = "def grade(case, answer):\n    return 7.0\n"
    wide = interval("custom", GOOD, code=code, binary=False)

    assert wide.high > 1.0
