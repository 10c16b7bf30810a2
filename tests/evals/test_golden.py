import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.cli._golden import agreement
from roadbed.control.reviewing import stands
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.data.sources import Wish
from roadbed.evals.cases import read_cases
from roadbed.evals.golden import CLAIM_US, Draft, Golden
from roadbed.evals.kinds import Cases
from roadbed.evals.publish import publish
from roadbed.evals.review import VERDICTS, Label, agreed, beyond_chance, drawn, settle


class Now:
    us = 1_000_000

    def __call__(self):
        return self.us


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def golden(database, now):
    return Golden(database, now)


def draft(text="What is tea?", **more):
    return Draft(input=text, answer="Leaves.", reason="thumbs down", **more)


def said(who, verdict="accept", expected="Leaves.", **more):
    return Label(annotator=who, verdict=verdict, expected=expected, **more)


def cases(datasets, ref, **columns):
    version = datasets.get(parse(str(ref)))
    return list(read_cases(datasets, version, Cases(dataset=str(ref), **columns)))


@pytest.mark.parametrize(
    ("labels", "wanted", "state", "expected"),
    [
        ([], 1, "waiting", None),
        ([said("a")], 1, "accepted", "Leaves."),
        ([said("a", "reject")], 1, "rejected", None),
        ([said("a", "skip")], 1, "waiting", None),
        ([said("a")], 2, "waiting", None),
        ([said("a"), said("b")], 2, "accepted", "Leaves."),
        ([said("a"), said("b", "reject")], 2, "disputed", None),
        ([said("a"), said("b", expected="Water.")], 2, "disputed", None),
        ([said("a"), said("b", "reject"), said("c", "skip")], 2, "disputed", None),
        ([said("a"), said("b", "reject"), said("c", "reject")], 2, "rejected", None),
        (
            [said("a"), said("b", expected="W"), said("c", expected="X")],
            2,
            "disputed",
            None,
        ),
        ([said("a", expected="W"), said("b"), said("c")], 2, "accepted", "Leaves."),
    ],
)
def test_two_agree_or_a_third_decides(labels, wanted, state, expected):
    settled = settle(labels, wanted)

    assert (settled.state, settled.expected) == (state, expected)


@given(st.lists(st.sampled_from(VERDICTS), max_size=6), st.sampled_from([1, 2]))
def test_nothing_is_settled_by_fewer_than_wanted(verdicts, wanted):
    labels = [said(str(at), verdict) for at, verdict in enumerate(verdicts)]
    settled = settle(labels, wanted)

    if settled.state in ("accepted", "rejected"):
        word = "accept" if settled.state == "accepted" else "reject"
        assert verdicts.count(word) >= wanted


def test_what_is_drawn_is_drawn_again_and_about_as_often_as_said():
    names = [f"call-{n}" for n in range(4000)]
    first = [drawn(name, 0.2) for name in names]

    assert first == [drawn(name, 0.2) for name in names]
    assert 700 < sum(first) < 900
    assert all(drawn(name, 0.5) for name, was in zip(names, first, strict=True) if was)
    assert not any(drawn(name, 0.0) for name in names)
    assert all(drawn(name, 1.0) for name in names)


def test_agreement_beyond_chance():
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15

    share, beyond = agreed(pairs), beyond_chance(pairs)
    assert share.value == 0.7
    assert 0.55 < share.low < 0.6 < 0.8 < share.high < 0.82
    assert beyond.value == pytest.approx(0.4)
    assert beyond.low < 0.3 < 0.5 < beyond.high
    assert agreed([]).value is beyond_chance([]).value is None
    assert beyond_chance([("a", "a")]).value is None
    assert beyond_chance([("a", "a")], 3).value is None
    # By hand: 15 of 50 pairs differ, and of 55 a and 45 b half would by chance.
    assert beyond_chance(pairs, 3).value == pytest.approx(1 - 0.3 / 0.5)


def test_of_more_than_two_annotators_it_is_krippendorffs_alpha(golden):
    texts = [f"What is tea number {n}?" for n in range(4)]
    golden.add("tea", [draft(text) for text in texts], "ada", double=1.0)
    names = {each.input: each.id for each in golden.list("tea")}
    for text, who, verdict in (
        (texts[0], "ada", "accept"), (texts[0], "bea", "accept"),
        (texts[1], "ada", "reject"), (texts[1], "bea", "reject"),
        (texts[2], "ada", "accept"), (texts[2], "bea", "reject"),
    ):  # fmt: skip
        golden.label(names[text], said(who, verdict))
    told = stands(golden.standing("tea"))
    assert (told["annotators"], "kappa" in told, "alpha" in told) == (2, True, False)

    golden.label(names[texts[2]], said("cy"))  # The third of what is disputed.
    assert golden.standing("tea").annotators == 2
    for who in ("bea", "cy"):
        golden.label(names[texts[3]], said(who))
    told = stands(golden.standing("tea"))
    assert (told["annotators"], "kappa" in told, told["pairs"]) == (3, False, 4)
    # Of eight labels five accept and three reject; one pair of four differs.
    assert told["alpha"]["value"] == pytest.approx(1 - (1 / 4) / (2 * 5 * 3 / (8 * 7)))
    assert ", alpha 0.53 (" in agreement(told)
    assert agreement(told).endswith(" of 4 looked at by two, 3 annotators in all")


def test_without_the_extra_agreement_has_no_interval(monkeypatch):
    monkeypatch.setattr("roadbed.evals.review.ready", lambda: False)
    share = agreed([("a", "a"), ("a", "b")])
    assert (share.value, share.low) == (0.5, None)
    assert "install" in share.method
    assert beyond_chance([("a", "a"), ("a", "b")]).value is None


def test_a_case_waits_once_and_goes_to_one_annotator_at_a_time(golden, now):
    assert golden.add("tea", [draft(), draft("what  is TEA?")], "ada") == 1
    assert golden.add("tea", [draft(), draft("What is milk?")], "ada") == 1
    first, second = golden.next("tea", "bea"), golden.next("tea", "cy")

    assert (first.input, second.input) == ("What is tea?", "What is milk?")
    assert golden.next("tea", "bea") == first
    assert golden.next("tea", "dot") is None
    now.us += CLAIM_US + 1
    assert golden.next("tea", "dot") == first


def test_who_labels_is_not_asked_again_and_a_settled_one_stays(golden):
    golden.add("tea", [draft()], "ada")
    found = golden.next("tea", "bea")
    golden.label(found.id, said("bea", "skip"))

    assert golden.next("tea", "bea") is None
    assert golden.next("tea", "cy") == found
    assert golden.label(found.id, said("cy", "reject")).state == "rejected"
    with pytest.raises(Conflict, match="rejected meanwhile"):
        golden.label(found.id, said("dot"))
    with pytest.raises(NotFound):
        golden.label("none", said("dot"))


def test_two_look_at_a_share_and_a_third_where_they_disagree(golden):
    golden.add("tea", [draft()], "ada", double=1.0)
    (name,) = {golden.next("tea", who).id for who in ("bea", "cy")}
    golden.label(name, said("bea"))
    assert golden.label(name, said("cy", "reject")).state == "disputed"
    assert golden.standing("tea").pairs == ((said("bea").key, "reject"),)
    assert golden.next("tea", "dot").id == name

    assert golden.label(name, said("dot")).state == "accepted"
    assert golden.standing("tea").states == {"accepted": 1}


def test_what_is_accepted_becomes_a_new_version_and_the_old_one_stays(golden, datasets):
    golden.add(
        "tea",
        [
            draft(tags=("hot",), call_id="local-1", model="m@1", probability=0.1),
            draft("No?"),
        ],
        "ada",
    )
    with pytest.raises(Conflict, match="nothing new"):
        publish(golden, datasets, "tea", "bea")
    for verdict in ("accept", "reject"):
        golden.label(golden.next("tea", "bea").id, said("bea", verdict, "Leaves."))

    made = publish(golden, datasets, "tea", "bea")

    (case,) = cases(datasets, made.version)
    assert (str(made.version), made.added) == ("tea@1", 1)
    assert (case.input, case.expected, case.tags) == (
        "What is tea?",
        "Leaves.",
        ("hot",),
    )
    kept = {name: case.provenance[name] for name in ("call", "model", "probability")}
    assert kept == {"call": "local-1", "model": "m@1", "probability": 0.1}
    assert golden.standing("tea").states == {"published": 1, "rejected": 1}

    golden.add("tea", [draft([{"role": "user", "content": "Milk?"}])], "ada")
    golden.label(golden.next("tea", "bea").id, said("bea", expected={"a": 1}))
    second = publish(golden, datasets, "tea", "bea").version

    assert (second.parents, second.key) == (("tea@1",), ("id",))
    first, new = cases(datasets, second)
    assert first == case
    assert (new.input, new.expected) == (
        [{"role": "user", "content": "Milk?"}],
        {"a": 1},
    )
    assert cases(datasets, "tea@1") == [case]


def test_a_set_of_before_keeps_its_columns_and_types(golden, datasets, tmp_path):
    file = tmp_path / "tea.jsonl"
    rows = [
        {"input": "a", "expected": 1, "tags": ["x", "y"], "more": 0.5},
        {"input": "b", "expected": 2, "tags": ["z"], "more": None},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    datasets.snapshot("tea", file, "ada", Wish())
    golden.add("tea", [draft("c", tags=("new",))], "ada")
    golden.label(golden.next("tea", "bea").id, said("bea", expected=3))

    made = publish(golden, datasets, "tea", "bea").version

    found = cases(datasets, made)
    assert [c.expected for c in found] == [1, 2, 3]
    assert [c.tags for c in found] == [("x", "y"), ("z",), ("new",)]
    assert [c.id for c in found][:2] == ["1", "2"]
    assert {c.name for c in made.schema} >= {"more", "provenance", "id"}


def test_features_go_to_their_columns_or_are_refused(golden, datasets):
    rows = {"size": [1.0, 2.0], "kind": ["a", "b"], "expected": [0, 1]}
    datasets.snapshot("rows", rows, "ada", Wish())
    golden.add("rows", [draft({"size": 3.0, "kind": "c"})], "ada")
    golden.label(golden.next("rows", "bea").id, said("bea", expected=1))
    made = publish(golden, datasets, "rows", "bea").version

    last = cases(datasets, made, input=["size", "kind"])[-1]
    assert (last.input, last.expected) == ({"size": 3.0, "kind": "c"}, 1)

    golden.add("rows", [draft({"weight": 1.0}), draft("text")], "ada")
    golden.label(golden.next("rows", "bea").id, said("bea", expected=1))
    with pytest.raises(Invalid, match="'weight', which is no column"):
        publish(golden, datasets, "rows", "bea")


def test_what_is_held_of_a_call_can_be_erased(golden):
    golden.add("tea", [draft(call_id="local-1"), draft("Milk?")], "ada")

    assert golden.erase("local-1") == 1
    first, other = golden.list("tea")
    assert (first.input, first.answer, first.state) == (
        {"erased": True},
        None,
        "rejected",
    )
    assert (other.input, other.state) == ("Milk?", "waiting")
