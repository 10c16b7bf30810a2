"""Searches are read as MLflow reads them, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.registry.tracking.grammar import (
    MAX_CONDITIONS,
    Condition,
    Order,
    parse_filter,
    parse_order,
)

READ = {
    "": [],
    "metrics.loss < 0.1": [("metric", "loss", "<", 0.1)],
    "metric.`a b` >= -3": [("metric", "a b", ">=", -3)],
    'params."x.y" = "v"': [("param", "x.y", "=", "v")],
    "tags.mlflow.user != 'it''s'": [("tag", "mlflow.user", "!=", "it's")],
    "attributes.status = 'FINISHED'": [("attribute", "status", "=", "FINISHED")],
    "run_id IN ('a', 'b')": [("attribute", "run_id", "IN", ("a", "b"))],
    "name not in ('a')": [("attribute", "name", "NOT IN", ("a",))],
    "tags.a IS NOT NULL": [("tag", "a", "IS NOT NULL", None)],
    "dataset.name ilike 'A%' AND metrics.m = 1e-3": [
        ("dataset", "name", "ILIKE", "A%"),
        ("metric", "m", "=", 1e-3),
    ],
}
WRONG = [
    "loss <",
    "metrics.a < 1 OR metrics.b < 1",
    "metrics.a < 1 metrics.b < 1",
    "nonsense",
    "metrics. < 1",
    "weights.a = 'b'",
    "params.a = b",
    "params.a = 'b",
    "run_id IN ()",
    "run_id IN ('a'",
    "run_id IN (1)",
    "tags.a IS 5",
    "AND metrics.a = 1",
    "metrics.a = 1 AND",
    "1 = metrics.a",
    "tags.a = 'b'; DROP TABLE runs",
]


@pytest.mark.parametrize("text", READ)
def test_conditions_are_read(text):
    assert parse_filter(text) == [Condition(*each) for each in READ[text]]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told(text):
    with pytest.raises(Invalid):
        parse_filter(text)


def test_a_search_has_an_end():
    one = "metrics.a = 1"
    assert len(parse_filter(" AND ".join([one] * MAX_CONDITIONS))) == MAX_CONDITIONS
    for text in (" AND ".join([one] * (MAX_CONDITIONS + 1)), "x" * 30_000):
        with pytest.raises(Invalid):
            parse_filter(text)


def test_orders_are_read():
    assert parse_order("metrics.`a b` DESC") == Order("metric", "a b", True)
    assert parse_order("start_time") == Order("attribute", "start_time", False)
    for wrong in ("", "a b", "a DESC x", "metrics.a SIDEWAYS"):
        with pytest.raises(Invalid):
            parse_order(wrong)


@given(st.text(max_size=200))
def test_no_text_does_anything_but_parse_or_be_refused(text):
    try:
        parse_filter(text)
    except Invalid as error:
        assert error.message


NAMES = st.text(st.characters(blacklist_characters="`", blacklist_categories=("Cs",)))


@given(NAMES, NAMES)
def test_whatever_is_quoted_comes_back_as_it_was(key, value):
    quoted = value.replace("'", "''")
    if "\\" in value:
        return  # a backslash before a quote stands for the quote

    (found,) = parse_filter(f"tags.`{key}` = '{quoted}'")
    assert (found.key, found.value) == (key, value)
