"""Questions, of which none is a program."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.adapters.providers.extractive.passages import split
from roadbed.adapters.providers.extractive.search import Index, match_query

TEXT = "# Returns\n\n## Refunds\n\nA refund is paid.\n\n## Exchanges\n\nShoes, once.\n"
HOSTILE = ['"', "'; DROP TABLE passages; --", "NEAR(a b)", "a AND", "heading:refund"]
HOSTILE += ["refund*", "^refund", "{a b}", "-refund", "a\0b", "(" * 999, "\ud800", "🚂"]


@pytest.fixture(scope="module")
def index():
    made = Index(split("returns.md", "", TEXT))
    yield made
    made.close()


@pytest.mark.parametrize("question", HOSTILE)
def test_no_question_is_a_program(index, question):
    hits = index.find(f"{question} refund", 3)

    assert hits[0].passage.heading == "Returns / Refunds"


@given(st.text(max_size=200))
@settings(max_examples=300)
def test_any_text_is_a_legal_question(index, question):
    hits = index.find(question, 3)

    assert len(hits) <= 3
    assert hits == index.find(question, 3)


def test_a_question_of_a_megabyte_is_cut_short(index):
    question = " ".join(f"word{n}" for n in range(150_000))

    assert index.find(f"refund {question}", 3)
    assert match_query(question).count(" OR ") == 63
