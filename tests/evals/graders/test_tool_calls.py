import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import tool_calls
from roadbed.inference.conversation import ToolUse
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


def tools(*calls):
    return tuple(
        ToolUse(id=str(n), name=name, arguments=json.dumps(arguments))
        for n, (name, arguments) in enumerate(calls)
    )


def grade(expected, *calls, **config):
    made = tool_calls.grader(tool_calls.Config(**config))
    return finished(made.grade(a_sample(expected, tools=tools(*calls)), Judges()))


WANTED = [{"name": "search", "arguments": {"q": "refund"}}, "send"]


class TestToolCalls(GraderContract):
    module = tool_calls
    right = a_sample(WANTED, tools=tools(("send", {}), ("search", {"q": "refund"})))
    wrong = a_sample(WANTED, tools=tools(("send", {}), ("search", {"q": "order"})))


class TestShare(GraderContract):
    module = tool_calls
    config = settings(score="share")
    right = a_sample(WANTED, tools=tools(("send", {}), ("search", {"q": "no"})))
    wrong = a_sample(
        WANTED,
        tools=tools(
            ("other", {}),
        ),
    )


@pytest.mark.parametrize(
    ("order", "names", "value"),
    [
        ("exact", "abc", 1.0),
        ("exact", "abcd", 0.0),
        ("exact", "acb", 0.0),
        ("in-order", "axbxc", 1.0),
        ("in-order", "acb", 0.0),
        ("any-order", "cab", 1.0),
        ("any-order", "cabb", 0.0),
        ("subset", "ca", 1.0),
        ("subset", "cax", 0.0),
        ("subset", "", 1.0),
    ],
)
def test_each_order(order, names, value):
    calls = [(name, {}) for name in names]

    assert grade(["a", "b", "c"], *calls, order=order).value == value


@pytest.mark.parametrize(
    ("how", "got", "value"),
    [
        ("exact", "Refund", 0.0),
        ("normalised", "Refund!", 1.0),
        ("present", "anything", 1.0),
        ("ignored", "anything", 1.0),
    ],
)
def test_each_way_to_compare_an_argument(how, got, value):
    wanted = [{"name": "search", "arguments": {"q": "refund"}}]
    told = grade(wanted, ("search", {"q": got}), arguments={"*.q": how})

    assert told.value == value


def test_numbers_and_arguments_nobody_expected():
    wanted = [{"name": "pay", "arguments": {"sum": 10}}]

    assert grade(wanted, ("pay", {"sum": "10.0"})).value == 0.0
    assert grade(wanted, ("pay", {"sum": "10"}), arguments={"pay.sum": "number"}).value
    assert grade(wanted, ("pay", {"sum": 10, "note": "x"})).value == 0.0
    more = grade(wanted, ("pay", {"sum": 10, "note": "x"}), extra_arguments=True)
    assert more.value == 1.0


def test_a_forbidden_tool_spoils_everything():
    told = grade(["a"], ("a", {}), ("delete_all", {}), forbidden=["delete_all"])

    assert (told.value, told.label) == (0.0, "forbidden")
    assert grade(None, ("a", {}), forbidden=["delete_all"]).value == 1.0


@given(st.permutations(range(6)), st.data())
def test_calls_are_paired_as_well_as_can_be(order, data):
    """An expectation that fits every call takes none away from a stricter one."""
    loose = data.draw(st.integers(0, 6))
    wanted = [{"name": "t"} if n < loose else {"name": "t", "arguments": {"n": n}}
              for n in range(6)]  # fmt: skip
    calls = [("t", {"n": n}) for n in order]

    assert grade(wanted, *calls).value == 1.0
    assert grade(wanted, *calls[:-1], score="share").value == pytest.approx(10 / 11)


def test_a_thousand_calls_are_paired_in_time():
    before = time.process_time()
    told = grade(["t"] * 1000, *[("t", {"n": n}) for n in range(999)], score="share")

    assert told.value == pytest.approx(2 * 999 / 1999)
    assert time.process_time() - before < 5


def test_an_expectation_without_a_name_cannot_be_graded():
    assert "without a name" in grade([{"tool": "x"}]).error
