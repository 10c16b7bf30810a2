"""What providers retire: the list that is shipped, and what a stack adds."""

from datetime import date

import msgspec
import pytest

from roadbed.core.errors import Invalid
from roadbed.registry.deprecations import announced, listed, shipped


def test_the_shipped_list_is_whole_and_says_where_each_entry_is_from():
    known = shipped()
    named = [(each.provider, each.model) for each in known.announced]

    assert len(set(named)) == len(named)
    assert all(each.source.startswith("https://") for each in known.announced)
    assert {each.provider for each in known.announced} <= {
        "openai",
        "anthropic",
        "gemini",
    }
    assert date(2025, 1, 1) < known.compiled < date.today()


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("openai", "gpt-4-0314", True),
        ("anthropic", "claude-2.1", True),
        ("gemini", "gemini-1.5-pro-002", True),
        ("openai", "gpt-4-0314-mine", False),
        ("anthropic", "gpt-4-0314", False),
        ("openai", "gpt-4o-2024-08-06", False),
    ],
)
def test_a_model_is_found_by_its_name_and_its_provider(provider, model, found):
    assert (shipped().of(provider, model) is not None) == found


def test_what_a_stack_says_counts_before_what_is_shipped():
    spec = {"provider": "openai", "model": "gpt-4-*", "retires_on": "2030-01-31"}
    known = shipped().with_own([announced(spec)])

    assert known.of("openai", "gpt-4-0314").retires_on == date(2030, 1, 31)
    assert known.of("openai", "gpt-3.5-turbo-0613").retires_on.year == 2024


def test_what_announces_nothing_is_refused():
    with pytest.raises(Invalid):
        announced({"provider": "openai", "model": "x", "retires_on": "soon"})


ENTRY = {
    "provider": "openai",
    "model": "m-1",
    "retires_on": "2030-01-31",
    "source": "https://example.com/retired",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""},
        {"source": "somebody said so"},
        {"retires_on": "soon"},
        {"retires_on": None},
        {"model": ""},
        {"provider": 7},
        {"retires": "2030-01-31"},
    ],
)
def test_a_list_with_a_malformed_entry_is_refused(wrong):
    whole = {"compiled": "2025-12-31", "announced": [ENTRY]}
    assert (
        listed(msgspec.json.encode(whole)).of("openai", "m-1").retires_on.year == 2030
    )

    with pytest.raises(Invalid):
        listed(msgspec.json.encode(whole | {"announced": [ENTRY | wrong]}))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b'{"compiled": "2025-12-31"}', b'{"announced": []}'],
)
def test_what_is_no_list_is_refused(data):
    with pytest.raises(Invalid):
        listed(data)


def test_a_list_that_says_two_things_of_a_model_is_refused():
    whole = {"compiled": "2025-12-31", "announced": [ENTRY, ENTRY]}

    with pytest.raises(Invalid, match="twice"):
        listed(msgspec.json.encode(whole))
