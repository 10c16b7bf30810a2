"""What is wrong with a golden set is found, and what is fine is left alone."""

import random

import pytest

from roadbed.control.upkeep import Keeper, trained_on
from roadbed.data import lineage
from roadbed.data.sources import Wish
from roadbed.evals.alike import key_of, near
from roadbed.evals.case import Case
from roadbed.evals.kinds import Cases
from roadbed.evals.upkeep import DAY_US, Limits, look
from roadbed.gateway.alerts import list_alerts

NOW = 1_000 * DAY_US
WORDS = tuple("abcdefghijklmn")


def case(number, text=None, expected="yes", **more):
    return Case(
        id=f"c{number}", input=text or f"question {number}", expected=expected, **more
    )


def found(cases, gone=lambda model: False, **limits):
    limits = {"slice_cases": 0, **limits}
    return {
        f.what: (f.count, f.cases)
        for f in look(cases, NOW - DAY_US, NOW, Limits(**limits), gone)
    }


def test_a_good_set_has_no_findings():
    cases = [case(n, expected=str(n % 2), tags=("a",)) for n in range(40)]

    assert found(cases, slice_cases=30) == {}


@pytest.mark.parametrize(
    ("cases", "limits", "expected"),
    [
        (
            [case(n, provenance={"added_us": n * DAY_US}) for n in (1, 2, 999)],
            {},
            {"stale": (2, ("c1", "c2"))},
        ),
        ([case(1), case(2, expected=None)], {}, {"unlabelled": (1, ("c2",))}),
        (
            [case(1, "What is tea?"), case(2, "what IS  tea?")],
            {},
            {"duplicate": (1, ("c2",))},
        ),
        (
            [case(1, "What is tea?"), case(2, "what IS  tea?", "no")],
            {},
            {"contradiction": (2, ("c1", "c2"))},
        ),
        (
            [case(n, expected="no" if n else "yes") for n in range(30)],
            {},
            {"unbalanced": (29, ())},
        ),
        (
            [case(n, tags=("big",) if n else ("big", "rare")) for n in range(30)],
            {"slice_cases": 30},
            {"small slice": (1, ())},
        ),
        ([case(1)], {"slices": ("none",), "slice_cases": 1}, {"small slice": (0, ())}),
    ],
)
def test_each_fault_is_found_by_itself(cases, limits, expected):
    assert found(cases, **limits) == expected


def test_a_case_of_a_model_that_is_gone():
    cases = [case(1, provenance={"model": "m@1"}), case(2, provenance={"model": "m@2"})]

    assert found(cases, gone={"m@1"}.__contains__) == {"gone": (1, ("c1",))}


def test_what_is_nearly_the_same_is_found_and_what_is_not_is_left():
    chance = random.Random(3)
    texts = [" ".join(chance.choices(WORDS, k=30)) for _ in range(200)]
    twins = [f"{text} indeed" for text in texts[:50]]

    pairs = dict(near(texts + twins))

    assert sum(pairs.get(200 + at) == at for at in range(50)) >= 49
    assert not any(at < 200 for at in pairs)


def test_the_same_question_is_the_same_however_it_is_asked():
    spoken = [{"role": "user", "content": "What is  TEA?"}]
    assert key_of("what is tea?") == key_of(spoken)
    assert key_of({"a": 1, "b": None}) == key_of({"b": None, "a": 1.0})
    assert key_of({"a": 1}) != key_of({"a": 2})


@pytest.fixture
def database(sqlite_database):
    """One engine is enough: what is asked of it is plain."""
    return sqlite_database


@pytest.fixture
def keeper(database, datasets):
    return Keeper(database=database, datasets=datasets)


def trained(database, version, run, role="training"):
    with database.write() as connection:
        edges = [
            lineage.Edge("model:m@1", lineage.MADE_BY, f"run:{run}"),
            lineage.Edge(f"run:{run}", lineage.READ, f"dataset:{version}", role),
        ]
        lineage.link(connection, edges)


def test_cases_that_a_model_was_trained_on_are_found(keeper, database, datasets):
    golden = datasets.snapshot(
        "tea", {"input": ["What is tea?", "Milk?"], "expected": ["a", "b"]}, "ada"
    )
    corpus = {"n": [1, 2], "prompt": ["x", "WHAT is  tea?"]}
    train = datasets.snapshot("corpus", corpus, "ada", Wish())
    test = datasets.snapshot("held", {"prompt": ["milk?"]}, "ada", Wish())
    trained(database, train, "r1")
    trained(database, test, "r1", role="test")

    with database.read() as connection:
        assert trained_on(connection) == ["corpus@1"]
    checked = keeper.check(golden, Cases(dataset="tea@1"), Limits(slices=()), NOW)

    (leak,) = [f for f in checked.findings if f.what == "leaking"]
    assert (leak.cases, leak.wrong) == (("1",), True)
    assert "corpus@1" in leak.message


def test_rows_of_features_leak_too(keeper, database, datasets):
    rows = {"size": [1.0, 2.0], "kind": ["a", "b"], "truth": [0, 1]}
    golden = datasets.snapshot("rows", rows, "ada")
    other = {"truth": [1, 0], "kind": ["B", "c"], "size": [2, 3]}
    trained(database, datasets.snapshot("train", other, "ada"), "r1")
    cases = Cases(dataset="rows@1", input=["size", "kind"], expected="truth")

    checked = keeper.check(golden, cases, Limits(), NOW)

    assert [f.cases for f in checked.findings if f.wrong] == [("2",)]


def test_nothing_declared_raises_no_alert(keeper, database):
    assert keeper.watch(NOW) == 0
    with database.read() as connection:
        assert list_alerts(connection) == []
