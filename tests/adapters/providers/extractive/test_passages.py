"""Documents, cut where they may be cut."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.adapters.providers.extractive.passages import LONGEST, sentences, split

RETURNS = """# Returns

Send a parcel back within 30 days of delivery.

## Refunds

A refund is paid within 14 days. It goes to the card that was charged.

## Exchanges

We exchange shoes for another size, once.
"""


def test_headings_of_both_kinds_are_kept_with_those_above_them():
    text = "---\ntitle: x\n---\nTop\n===\n\nlead\n\n## A ##\none\n\n### B\ntwo\n\n"
    text += "## C\nthree"

    found = [(p.heading, p.text) for p in split("d.md", "", text)]

    assert found == [
        ("Top", "lead"),
        ("Top / A", "one"),
        ("Top / A / B", "two"),
        ("Top / C", "three"),
    ]


@pytest.mark.parametrize(
    ("line", "heading"),
    [("# C#", "C#"), ("# A ##", "A"), ("#\tTab  ", "Tab"), ("   ### B", "B")],
)
def test_a_heading_is_what_is_between_the_marks(line, heading):
    (passage,) = split("d.md", "", f"{line}\n\ntext")

    assert (passage.heading, passage.text) == (heading, "text")


@pytest.mark.parametrize("line", ["# x" + " " * 200_000 + "y", "-" * 200_000 + "x"])
def test_a_long_line_takes_no_long_time(line):
    start = time.monotonic()

    split("d.md", "", line)

    assert time.monotonic() - start < 5


def test_what_looks_like_a_heading_in_code_is_code():
    text = "# Set up\n\n```sh\n# not a heading\n\nmake demo\n```\n\nDone."

    (passage,) = split("d.md", "", text)

    assert passage.heading == "Set up"
    assert passage.text == "```sh\n# not a heading\n\nmake demo\n```\n\nDone."


def test_an_edit_elsewhere_leaves_a_passages_name_alone():
    before = {p.id for p in split("returns.md", "", RETURNS)}

    edited = "Welcome!\n\n" + RETURNS.replace("once", "twice")
    after = {p.id for p in split("returns.md", "", edited)}

    assert len(before & after) == 2


@given(st.text(alphabet="ab. \n#`=-é🚂", max_size=2_000))
@settings(max_examples=200)
def test_passages_are_short_and_each_has_its_own_name(text):
    passages = split("d.txt", "", text)

    assert all(0 < len(p.text.strip()) <= LONGEST for p in passages)
    assert len({p.id for p in passages}) == len(passages)


@given(st.lists(st.sampled_from([" ", "\n", "\n\n", ". ", "x" * 700]), max_size=300))
def test_no_word_of_plain_text_is_lost(gaps):
    text = "".join(f"w{n}{gap}" for n, gap in enumerate(gaps))

    kept = "".join(p.text for p in split("d.txt", "", text))

    assert "".join(kept.split()) == "".join(text.split())


def test_a_sentence_keeps_the_space_that_follows_it():
    assert sentences("One. Two!\n\nThree [1]\nfour") == [
        "One. ",
        "Two!\n\n",
        "Three [1]\n",
        "four",
    ]


@given(st.text(alphabet="ab.?! \n"))
def test_sentences_joined_are_the_text_again(text):
    assert "".join(sentences(text)) == text
