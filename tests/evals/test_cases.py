import json
import math
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.data.sources import Wish
from roadbed.evals.case import Case
from roadbed.evals.cases import count, read_cases
from roadbed.evals.kinds import Cases

PINNED = {"dataset": "tickets@1"}


@pytest.fixture
def database(sqlite_database):
    """One engine is enough: what is asked of it is plain."""
    return sqlite_database


def read(datasets, rows, **columns):
    version = datasets.snapshot("tickets", rows, "ada", Wish())
    cases = Cases(**PINNED, **columns)
    return list(read_cases(datasets, version, cases))


def test_a_case_has_what_its_row_says(datasets):
    found = read(
        datasets,
        {
            "id": ["a", "b"],
            "input": ["hello", "[not json"],
            "expected": ["world", None],
            "tags": ['["easy", "german"]', None],
            "weight": [2, None],
            "cluster": ["ticket-7", None],
            "provenance": ['{"call": "local-1"}', None],
        },
    )

    assert found == [
        Case(
            id="a",
            input="hello",
            expected="world",
            tags=("easy", "german"),
            weight=2.0,
            cluster="ticket-7",
            provenance={"call": "local-1"},
        ),
        Case(id="b", input="[not json"),
    ]


def test_a_column_of_nothing_but_json_is_json(datasets):
    messages = [{"role": "user", "content": "hi"}]
    found = read(
        datasets,
        {"input": [json.dumps(messages), '"text"'], "expected": ["[1]", "one"]},
    )

    assert [case.input for case in found] == [messages, "text"]
    assert [case.expected for case in found] == ["[1]", "one"]


def test_nested_columns_are_plain_json_without_empty_fields(datasets, tmp_path):
    file = tmp_path / "cases.jsonl"
    file.write_text(
        '{"input": [{"role": "user", "content": "hi"}], "expected": {"a": 1}}\n'
        '{"input": [{"role": "user", "content": "x", "name": "y"}], "expected": null}\n'
    )
    first, second = read(datasets, file)

    assert first.input == [{"role": "user", "content": "hi"}]
    assert second.input == [{"role": "user", "content": "x", "name": "y"}]
    assert (first.expected, second.expected) == ({"a": 1}, None)


def test_several_columns_are_the_features_of_a_row(datasets):
    rows = {
        "size": [1.5, math.nan],
        "when": [date(2026, 1, 2), None],
        "cost": [Decimal("1.20"), None],
        "truth": [True, False],
    }
    found = read(datasets, rows, input=["size", "when", "cost"], expected="truth")

    assert found[0].input == {"size": 1.5, "when": "2026-01-02", "cost": 1.2}
    assert found[1].input == {"size": None, "when": None, "cost": None}
    assert [case.expected for case in found] == [True, False]
    assert [case.id for case in found] == ["1", "2"]


def test_tags_may_be_a_text(datasets):
    found = read(datasets, {"input": ["a", "b"], "tags": ["x, y,x", ""]})

    assert [case.tags for case in found] == [("x", "y"), ()]


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ({"question": ["a"]}, {}, "has no column 'input'"),
        ({"input": ["a"]}, {"expected": "truth"}, "has no column 'truth'"),
        ({"input": ["a"]}, {"input": []}, "has no columns of input"),
        ({"input": ["a", None]}, {}, "row 2 of tickets@1: column 'input' is empty"),
        (
            {"input": ["a", "b"], "id": ["1", "1"]},
            {},
            "row 2 of tickets@1: column 'id' repeats '1'",
        ),
        (
            {"input": ["a", "b"], "id": ["2", None]},
            {},
            "row 2 of tickets@1: column 'id' repeats '2'",
        ),
        ({"input": ["a"], "weight": [-1.0]}, {}, "row 1 .* 'weight' is no weight"),
        ({"input": ["a"], "weight": ["1"]}, {}, "row 1 .* 'weight' is no weight"),
        ({"input": ["a"], "tags": [3]}, {}, "row 1 .* 'tags' is no list of tags"),
        ({"input": ["a"], "cluster": ["[1]"]}, {}, "'cluster' is no single value"),
        ({"input": [b"a"]}, {}, "column 'input' is bytes, which is no JSON"),
    ],
)
def test_a_row_that_is_no_case_is_named(datasets, rows, columns, said):
    with pytest.raises(Invalid, match=said):
        read(datasets, rows, **columns)


def test_cases_come_in_their_order_across_parts(datasets):
    rows = {"input": [f"question {n}" for n in range(2500)]}
    version = datasets.snapshot("tickets", rows, "ada", Wish())
    found = read_cases(datasets, version, Cases(**PINNED))

    assert next(found).id == "1"
    assert [case.input for case in found] == rows["input"][1:]
    assert count(version) == 2500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(JSON, max_size=3), min_size=1, max_size=5))
def test_json_that_is_written_is_the_json_that_is_read(datasets, values):
    rows = {"input": [json.dumps(value) for value in values]}

    assert [case.input for case in read(datasets, rows)] == values
