"""Plans: pure, exact, and text that is reviewed as a diff."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.control.load import load_stack, read_stack
from roadbed.control.plan import Plan, make_plan
from roadbed.control.render import render
from roadbed.control.starter import write_starter
from roadbed.control.state import State
from roadbed.core.digest import canonical
from roadbed.core.errors import Invalid
from tests.control.stacks import (
    ECHO,
    OPERATOR,
    endpoint,
    hosted,
    live,
    resource,
    stack_of,
    write,
)

GOLDEN = Path(__file__).parent / "plans"


def golden(name, plan):
    """Compare *plan* with the text that was reviewed."""
    return (GOLDEN / f"{name}.txt").read_text() == render(plan)


def test_the_starter_stack_on_nothing(tmp_path):
    write_starter(tmp_path)

    plan = make_plan(load_stack(tmp_path), State())

    assert golden("starter", plan), render(plan)


def test_a_changed_prompt_makes_the_next_version(tmp_path):
    before = live(stack_of(tmp_path, ECHO, hosted(more="prompt: Be kind."), endpoint()))
    more = "prompt: |\n    Be kind.\n    Be brief.\nparameters: {temperature: 0.5}"
    after = stack_of(tmp_path, ECHO, hosted(more=more), endpoint())

    plan = make_plan(after, before)

    assert golden("changed-prompt", plan), render(plan)


def test_a_rollback_is_one_field(tmp_path):
    before = live(stack_of(tmp_path, ECHO, hosted(), endpoint(model="bot@2")))
    after = stack_of(tmp_path, ECHO, hosted(), endpoint(model="bot@1"))

    plan = make_plan(after, before)

    assert golden("rollback", plan), render(plan)


def test_what_is_no_longer_declared_is_retired(tmp_path):
    before = live(stack_of(tmp_path, ECHO, OPERATOR, hosted(), endpoint()))
    after = stack_of(tmp_path, ECHO, OPERATOR)

    plan = make_plan(after, before)

    assert golden("retire", plan), render(plan)


def test_a_changed_document_is_named(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("one")
    (tmp_path / "docs" / "b.md").write_text("gone")
    model = hosted(more="context: {documents: ./docs}")
    before = live(stack_of(tmp_path, ECHO, model))
    (tmp_path / "docs" / "a.md").write_text("two")
    (tmp_path / "docs" / "b.md").unlink()
    (tmp_path / "docs" / "c.md").write_text("new")

    plan = make_plan(stack_of(tmp_path, ECHO, model), before)

    assert golden("changed-document", plan), render(plan)


def test_nothing_to_change_is_said(tmp_path):
    stack = stack_of(tmp_path, ECHO, hosted(), endpoint())

    plan = make_plan(stack, live(stack))

    assert plan.changes == ()
    assert golden("nothing", plan), render(plan)


def test_a_changed_description_makes_no_version(tmp_path):
    before = live(stack_of(tmp_path, ECHO, hosted()))
    text = hosted().replace("name: bot", "name: bot, description: Talks.")

    (change,) = make_plan(stack_of(tmp_path, ECHO, text), before).changes

    assert (change.action, change.makes) == ("follow", "")
    assert [f.path for f in change.fields] == ["metadata.description"]
    assert change.note == "makes no new version"


def test_a_definition_that_comes_back_makes_a_new_number(tmp_path):
    first = live(stack_of(tmp_path, ECHO, hosted(upstream="echo-1")))
    second = live(stack_of(tmp_path, ECHO, hosted(upstream="echo-2")), 2, first)

    (change,) = make_plan(stack_of(tmp_path, ECHO, hosted()), second).changes

    assert change.makes == "bot@3"


def test_a_trained_model_makes_no_version(tmp_path):
    model = resource("Model", "m", "owner: team\ntrained: {provider: echo}")

    plan = make_plan(stack_of(tmp_path, ECHO, model), State())

    assert [(c.name, c.makes) for c in plan.changes] == [("m", ""), ("echo", "")]
    assert plan.changes[0].note == "its versions are registered by runs"


def test_a_retired_model_that_returns_keeps_counting(tmp_path):
    first = live(stack_of(tmp_path, ECHO, hosted(upstream="echo-1")))
    gone = live(stack_of(tmp_path, ECHO), 2, first)

    changes = make_plan(stack_of(tmp_path, ECHO, hosted(upstream="e2")), gone).changes

    assert [(c.action, c.makes) for c in changes] == [("create", "bot@2")]


def test_an_absent_value_is_not_an_empty_one(tmp_path):
    echo = resource("Provider", "echo", "type: echo\nconfig: {prefix: ''}")
    before = live(stack_of(tmp_path, ECHO))

    (change,) = make_plan(stack_of(tmp_path, echo), before).changes

    assert [(f.path, f.after) for f in change.fields] == [("spec.config.prefix", "")]


def test_names_with_dots_do_not_hide_one_another(tmp_path):
    echo = resource("Provider", "echo", "type: echo\nconfig: {a.b: 1, a: {b: 2}}")

    (change,) = make_plan(stack_of(tmp_path, echo), State()).changes

    paths = [field.path for field in change.fields]
    assert paths == ['spec.config."a.b"', "spec.config.a.b", "spec.type"]


def test_a_new_optional_field_changes_nobodys_plan(tmp_path):
    stack = stack_of(tmp_path, ECHO, hosted(), endpoint())
    state = live(stack)
    older = copy.deepcopy({k: dict(r.content) for k, r in state.resources.items()})
    del older["Endpoint", "bot"]["spec"]["keep_payloads"]
    del older["Model", "bot"]["spec"]["hosted"]["parameters"]
    rows = {k: replace_content(r, older[k]) for k, r in state.resources.items()}

    plan = make_plan(
        stack,
        State(revision=1, digest="d", resources=rows, versions=state.versions),
    )

    assert plan.changes == ()


def replace_content(revision, content):
    kept = {f: getattr(revision, f) for f in revision.__slots__}
    return type(revision)(**{**kept, "content": content})


def test_a_plan_is_read_back_as_it_was(tmp_path):
    plan = make_plan(stack_of(tmp_path, ECHO, hosted(), endpoint()), State())

    again = Plan.from_json(plan.to_json())

    assert again == plan
    assert again.digest == plan.digest


@pytest.mark.parametrize(
    "edit",
    [
        lambda plain: plain.update(base=7),
        lambda plain: plain["changes"].pop(),
        lambda plain: plain["changes"][0].update(action="destroy"),
        lambda plain: plain["changes"][0].update(more=1),
        lambda plain: plain.pop("digest"),
    ],
    ids=["base", "fewer", "action", "field", "digest"],
)
def test_an_edited_plan_is_refused(tmp_path, edit):
    plain = make_plan(stack_of(tmp_path, ECHO, hosted()), State()).to_json()
    edit(plain)

    with pytest.raises(Invalid, match=r"this plan was edited|this is no plan"):
        Plan.from_json(plain)


def test_a_plan_cannot_move_the_cursor(tmp_path):
    evil = hosted(more=r'prompt: "a\e[2Kb\u202e"')

    text = render(make_plan(stack_of(tmp_path, ECHO, evil), State()))

    assert "\x1b" not in text
    assert "\u202e" not in text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "files"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
CONFIG = st.dictionaries(st.sampled_from(["x", "y", "x.y"]), VALUES, max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=CONFIG, after=CONFIG)
def test_what_was_planned_leaves_nothing_to_plan(tmp_path, before, after):
    first, second = (provider_with(tmp_path, config) for config in (before, after))

    change = make_plan(second, live(first))
    again = make_plan(second, live(second, 2))

    assert again.changes == ()
    assert (change.changes == ()) == (
        canonical_config(first) == canonical_config(second)
    )


def provider_with(folder, config):
    text = ECHO + f"  config: {json.dumps(config)}\n"
    stack, problems = read_stack(write(folder, stack=text))
    assert not problems
    return stack


def canonical_config(stack):
    return canonical(stack.resources[0].content)
