"""The order of causes, by the rules of docs/explanation/what-changed.md."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.control.questions import differ
from roadbed.control.questions.causes import effect_size, rank
from roadbed.control.questions.changes import Change, Effect, Section

WORSE = (Effect(metric="accuracy", left=0.92, right=0.84, better=False),)


def data(share, subject="tumors@1 → tumors@2"):
    return Change(
        kind="data", subject=subject, told="", share=share, weight=1.0, because="data"
    )


def section(*changes, name="data"):
    return Section(name=name, differs=bool(changes), changes=changes)


def first(*sections, effects=WORSE):
    causes, _ = rank(sections, effects)
    return causes[0].kind


PARAMS = differ.parameters({"C": 0.5}, {"C": 0.05}, (0, 0))
TOUCHED = differ.code({"train.py": 30}, {"train.py"}, "", "")
UPGRADE = differ.environment(
    {}, {}, ({"scikit-learn": "1.9"}, {"scikit-learn": "2.0"}), {"scikit-learn"}
)


def test_data_that_moved_far_enough_goes_before_all_else():
    assert first(section(data(0.25)), PARAMS, TOUCHED, UPGRADE) == "data"


def test_data_that_hardly_moved_does_not_explain_a_large_effect():
    causes, _ = rank([section(data(0.002)), PARAMS, TOUCHED, UPGRADE], WORSE)

    assert [cause.kind for cause in causes][-1] == "data"
    assert "too small to account for more than about 2%" in causes[-1].reason


def test_a_parameter_far_away_goes_before_code_and_libraries():
    assert first(PARAMS, TOUCHED, UPGRADE) == "parameters"


def test_code_that_training_ran_goes_before_code_that_it_did_not():
    files = {"train.py": 3, "report.py": 300, "README.md": 900}
    causes, _ = rank([differ.code(files, {"train.py"}, "", "")], WORSE)

    assert [c.subject for c in causes] == ["train.py", "report.py", "README.md"]


def test_a_major_release_of_what_the_model_was_made_with_goes_first():
    before = {"scikit-learn": "1.9.1", "numpy": "2.0.0", "click": "8.0"}
    after = {"scikit-learn": "2.0.0", "numpy": "2.0.1", "click": "9.0"}
    changed = differ.environment({}, {}, (before, after), {"scikit-learn", "numpy"})
    causes, _ = rank([changed], WORSE)

    assert [c.subject for c in causes] == ["scikit-learn", "numpy", "click"]


def test_the_only_difference_is_certain_and_says_why():
    causes, _ = rank([section(data(0.001))], WORSE)

    assert causes[0].score == 1.0
    assert "nothing else that is recorded differs" in causes[0].reason


def test_the_same_everything_is_chance_in_training():
    causes, _ = rank([section(), section(name="code")], WORSE)

    assert [cause.kind for cause in causes] == ["nondeterminism"]


def test_what_was_not_recorded_is_never_ruled_out():
    causes, notes = rank([section(), Section(name="environment", differs=None)], WORSE)
    only, _ = rank(
        [section(data(0.5)), Section(name="environment", differs=None)], WORSE
    )

    assert [cause.kind for cause in causes] == ["unknown"]
    assert "nothing else" not in only[0].reason
    assert notes == ()


def test_nothing_is_blamed_where_nothing_became_worse():
    same = (Effect(metric="accuracy", left=0.9, right=0.9),)
    causes, notes = rank([section(data(0.5)), PARAMS], same)

    assert causes
    assert any("not a cause" in note for note in notes)
    assert rank([section()], same)[0] == ()


@pytest.mark.parametrize(
    ("name", "left", "right", "better"),
    [
        ("accuracy", 0.9, 0.8, False),
        ("val_loss", 0.2, 0.4, False),
        ("rmse", 3.0, 2.0, True),
        ("rows", 10, 20, None),
        ("auc", 0.8, 0.8, None),
    ],
)
def test_a_metric_is_judged_by_its_name_or_not_at_all(name, left, right, better):
    (found,) = differ.effects({name: left, "other": 1}, {name: right})

    assert found.better is better


def test_only_what_became_worse_counts_if_anything_did():
    effects = differ.effects(
        {"accuracy": 0.9, "rows": 1000}, {"accuracy": 0.8, "rows": 2000}
    )

    assert effect_size(effects) == pytest.approx(0.1)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=6), st.floats(0, 1))
def test_the_order_is_by_score_and_no_score_leaves_its_bounds(shares, delta):
    changes = [data(share, f"d@{n}") for n, share in enumerate(shares)]
    effects = (Effect(metric="m", left=0.0, right=delta),)
    causes, _ = rank([section(*changes)], effects)
    scores = [cause.score for cause in causes]

    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert all(cause.reason for cause in causes)
