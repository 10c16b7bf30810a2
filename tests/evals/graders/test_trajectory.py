import json

import pytest

from roadbed.evals.graders import trajectory
from roadbed.inference.conversation import ToolUse
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


def tools(names, **arguments):
    return tuple(
        ToolUse(id=str(n), name=name, arguments=json.dumps(arguments))
        for n, name in enumerate(names)
    )


def grade(sample, **config):
    made = trajectory.grader(trajectory.Config(**config))
    return finished(made.grade(sample, Judges()))


class TestTrajectory(GraderContract):
    module = trajectory
    config = settings(max_steps=3, last_tool="c")
    right = a_sample(tools=tools("abc"))
    wrong = a_sample(tools=tools("abab"))


@pytest.mark.parametrize(
    ("names", "looped"),
    [("aa", False), ("aaa", True), ("abab", False), ("ababab", True), ("abcab", False)],
)
def test_a_run_that_repeats_too_often_is_a_loop(names, looped):
    assert (grade(a_sample(tools=tools(names))).value == 0.0) == looped


def test_the_same_tool_with_other_arguments_is_no_loop():
    calls = [tools("a", n=n)[0] for n in range(9)]

    assert grade(a_sample(tools=tuple(calls))).value == 1.0


def test_every_broken_budget_is_named():
    sample = a_sample(tools=tools("ab"), cost_nano=2_000_000_000, latency_us=5_000)
    told = grade(sample, max_steps=1, max_cost=1, max_latency_ms=4)

    assert told.detail["broken"] == [
        "2 steps, at most 1",
        "2 dollars, at most 1",
        "5 ms, at most 4",
    ]


def test_the_final_state_holds_what_is_expected():
    wanted = {"order": {"status": "refunded"}}
    done = '{"order": {"status": "refunded", "id": 7}}'

    assert grade(a_sample(wanted, done), final_state=True).value == 1.0
    assert grade(a_sample(wanted, "done!"), final_state=True).value == 0.0
    assert grade(a_sample(wanted, '{"order": []}'), final_state=True).value == 0.0
