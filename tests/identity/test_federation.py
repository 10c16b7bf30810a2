"""A rule is satisfied by exactly the claims that it names, and by nothing like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.identity.directory import Rule, Subject
from roadbed.identity.federation import matching, satisfies, subject_named

CI = Subject(kind="service-account", name="ci")


def rule(claims, issuer="https://ci.example"):
    return Rule(name="r", issuer=issuer, audience="us", claims=claims, subject=CI)


@pytest.mark.parametrize(
    ("wanted", "claims", "right"),
    [
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "1"}, {"a": ["1"]}, False),
        ({"a": "1"}, {}, False),
        ({"/k/a": "1"}, {"k": {"a": "1"}}, True),
        ({"/k/a": "1"}, {"/k/a": "1"}, False),
        ({"/k~1x/a~0b": "1"}, {"k/x": {"a~b": "1"}}, True),
        ({"/k/0": "1"}, {"k": ["1"]}, False),
        ({"/k/a": "1"}, {"k": "a"}, False),
        ({}, {"a": "1"}, False),
    ],
)
def test_a_value_is_the_same_or_it_is_not(wanted, claims, right):
    assert satisfies(rule(wanted), claims) == right


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda n: not n.startswith("/")),
        st.text() | st.integers() | st.booleans(),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
def test_a_rule_takes_its_own_claims_and_misses_any_that_is_gone(wanted, data):
    gone = data.draw(st.sampled_from(sorted(wanted)))
    less = {name: value for name, value in wanted.items() if name != gone}

    assert satisfies(rule(wanted), wanted | {"more": "\0"} | wanted)
    assert not satisfies(rule(wanted), less)


@pytest.mark.parametrize("event", ["pull_request_target", None, 1, "push "])
def test_a_run_that_strangers_can_set_off_is_taken_only_where_it_is_named(event):
    github = "https://token.actions.githubusercontent.com"
    plain = rule({"repository_id": "7"}, github)

    assert not satisfies(plain, {"repository_id": "7", "event_name": event})
    assert satisfies(plain, {"repository_id": "7", "event_name": "push"})
    assert not satisfies(plain, {"repository_id": "7"})


def test_all_rules_that_match_are_told():
    one, two, three = rule({"a": 1}), rule({"b": 2}), rule({"c": 3})

    assert matching([one, two, three], {"a": 1, "b": 2}) == [one, two]


def test_an_account_is_named_with_its_kind_or_without():
    assert subject_named("ci") == subject_named("service-account:ci") == CI
    assert subject_named("agent:ci") == Subject(kind="agent", name="ci")
