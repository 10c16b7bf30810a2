import time

import pytest

from roadbed.core.errors import Invalid
from roadbed.evals.graders import regex
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


def grade(expected, text, **config):
    made = regex.grader(regex.Config(**config))
    return finished(made.grade(a_sample(expected, text), Judges()))


class TestRegex(GraderContract):
    module = regex
    config = settings(pattern=r"^[A-Z]{2}-\d{4}$")
    right = a_sample(text="AB-1234")
    wrong = a_sample(text="AB-12")


def test_a_pattern_that_kills_others_is_linear_here():
    before = time.process_time()
    value = grade(None, "a" * 500_000 + "!", pattern="^(a+)+$").value

    assert value == 0.0
    assert time.process_time() - before < 2


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{5000}", "[z-a]"])
def test_what_re2_does_not_take_is_refused_with_a_hint(pattern):
    with pytest.raises(Invalid, match="no expression of RE2") as caught:
        regex.grader(regex.Config(pattern=pattern))

    assert "back-references" in caught.value.hint


def test_a_case_has_a_pattern_of_its_own():
    assert grade("^ja$", "JA", ignore_case=True).value == 1.0
    assert "no expression" in grade("(", "x").error


def test_the_whole_answer_or_nothing_of_it():
    assert grade(None, "ab", pattern="a", full=True).value == 0.0
    assert grade(None, "ab", pattern="a", absent=True).value == 0.0
    assert grade(None, "b", pattern="a", absent=True).value == 1.0
