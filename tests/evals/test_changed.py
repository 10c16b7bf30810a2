"""A model that changed behind its name is found; one that did not is left alone."""

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.evals.changed import find_change
from roadbed.evals.descriptors import DESCRIPTORS, LONGEST, describe
from roadbed.evals.statistics.paired import Pair

PROSE = [
    part.strip()
    for page in sorted(Path("docs").rglob("*.md"))
    for part in re.split(r"\n\n+", page.read_text())
    if 200 < len(part) < 1200 and part[0] not in "|`#"
]
"""Paragraphs of our own pages: real prose, though of people and not of models."""


def reworded(text, chance):
    """Return *text* as a model at work might say it another time: some words swapped.

    Neighbours change places and words are left out or doubled, at random.
    """
    words = text.split(" ")
    for i in range(len(words) - 1):
        if chance.random() < 0.05:
            words[i], words[i + 1] = words[i + 1], words[i]
        if chance.random() < 0.03:
            words[i] = chance.choice(["", f"{words[i]} {words[i]}"])
    return " ".join(words)


STYLES = {
    "shorter": lambda text: text[: len(text) * 4 // 5],
    "opens politely": lambda text: f"Certainly! {text}",
    "lists": lambda text: re.sub(r"\. ", ".\n- ", text),
    "refuses": lambda text: "I'm sorry, but I cannot help with that.",
    "fewer commas": lambda text: text.replace(",", ""),
}


def replay(seed, style=None, share=1.0, n=100):
    """Return answers before and now; *style* alters a *share* of those now."""
    chance = random.Random(seed)
    texts = chance.sample(PROSE, n)
    now = [reworded(text, chance) for text in texts]
    if style:
        now = [STYLES[style](t) if chance.random() < share else t for t in now]
    return [reworded(text, chance) for text in texts], now


@pytest.mark.parametrize(
    ("style", "share", "name"),
    [
        ("shorter", 0.5, "length"),
        ("opens politely", 0.5, "openers"),
        ("lists", 0.5, "list items"),
        ("refuses", 0.5, "refusals"),
        ("fewer commas", 0.5, "commas"),
    ],
)
def test_a_new_manner_is_found_and_named(style, share, name):
    found = find_change(*replay(1, style, share))

    assert found.changed
    assert name in {moved.name for moved in found.moved}
    assert name in found.sentence


def test_the_same_manner_is_left_alone():
    """Of 40 replays at 5 % each, 2 may be false; more than 8 in 1 of 4,000 suites."""
    false = sum(find_change(*replay(s, n=60), alpha=0.05).changed for s in range(40))

    assert false <= 8


def test_answers_that_did_not_change_are_the_same():
    before, _ = replay(1)
    found = find_change(before, list(before))

    assert (found.changed, found.same, found.n) == (False, 100, 100)
    assert {moved.p for moved in found.tested} == {1.0}
    assert found.sentence == "no change is shown by 100 prompts"


def test_graders_are_tested_too():
    before, _ = replay(2)
    grades = {
        "right": [Pair(1, 1)] * 80 + [Pair(1, 0)] * 20,
        "kind": [Pair(1, 1)] * 100,
    }
    found = find_change(before, before, grades=grades, binary=frozenset(grades))

    assert [moved.name for moved in found.moved] == ["right"]
    assert (found.moved[0].rose, found.moved[0].fell) == (0, 20)
    assert len(found.tested) == 17


def test_one_prompt_shows_nothing():
    found = find_change(["Yes."], ["I'm sorry, I cannot."])

    assert not found.changed
    assert "too few to tell" in found.sentence
    assert not find_change([], []).changed


def test_answers_belong_to_prompts():
    with pytest.raises(Invalid, match="2 answers before and 1 now"):
        find_change(["a", "b"], ["a"])


@given(st.text("aB é.!?'*`#-1,\n\u2019\u0130", max_size=60))
def test_every_text_has_fifteen_finite_numbers(text):
    found = describe(text)

    assert list(found) == list(DESCRIPTORS)
    assert len(found) == 15
    assert all(0 <= value < float("inf") for value in found.values())


def test_the_numbers_are_what_their_names_say():
    quote = "\N{RIGHT SINGLE QUOTATION MARK}"
    text = f"# Plan\n\n1. **Buy** `milk`, eggs\n- Go!\nWhy?\nI{quote}m sorry."
    found = describe(text)

    assert found["length"] == len(text)
    assert found["list items"] == 2 / 5
    assert found["headings"] == 1 / 5
    assert found["bold"] == pytest.approx(1 / 8)
    assert found["code"] == pytest.approx(2 / 8)
    assert found["refusals"] == 1
    assert found["openers"] == 0
    assert describe("Sure, here it is.")["openers"] == 1


@pytest.mark.parametrize("piece", ["a'", "**", "1. ", ".!?", "- \n", " ", "#", "x "])
def test_long_texts_cost_no_more_than_long_ones_may(piece):
    """What is looked at is bounded, and no pattern goes back over it."""
    begin = time.process_time()
    for end in ("", "x", "!x"):
        describe(piece * (LONGEST // len(piece) - 1) + end)
    describe(piece * 1_000_000)

    assert time.process_time() - begin < 2
