"""What is written down of a call that names no endpoint."""

from dataclasses import replace

import pytest

from tests.inference.calls import a_call, deployment

KEY = "rbk_6342ad9e363c_e7ae1df8916f906571839e36365fc845d8c2c266cd9882f2"


@pytest.mark.parametrize(
    "name",
    [KEY, "sk-abcdef", "ghp-x", "", "a b", "\x1b]0;pwned\x07", "A", "x" * 600, "é"],
)
def test_what_cannot_be_a_slip_is_not_written_down(name):
    assert replace(a_call(deployment()), endpoint=name).asked_for == "(no endpoint)"


@pytest.mark.parametrize("name", ["handbok", "support-bot@7", "e"])
def test_a_slip_of_the_keyboard_is_kept(name):
    assert replace(a_call(deployment()), endpoint=name).asked_for == name
