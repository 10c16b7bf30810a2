"""Cedar text that is wrong is refused with its policy and its line."""

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.rules import read_rules
from roadbed.core.errors import Invalid

GOOD = 'permit (principal, action == Action::"call.read", resource);'


def problems(**texts):
    with pytest.raises(Invalid) as caught:
        compile_policies({name.replace("_", "-"): text for name, text in texts.items()})
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("permit (principal, action", 1, "unexpected end of input"),
        (GOOD + "\n\npermit (principal, action", 3, "unexpected end of input"),
        (f'// a; "b"\n{GOOD}\n// c;\n\nnonsense;', 5, "unexpected token `;`"),
        (
            'forbid (principal, action == Action::"x", resource);',
            1,
            "unrecognized action",
        ),
        (
            "forbid (principal, action, resource)\n"
            'when { resource.stage == "production" };',
            1,
            "optional attribute `stage`",
        ),
        (
            "forbid (principal, action, resource) when { principal.age > 3 };",
            1,
            "`age`",
        ),
        ("forbid (principal == ?principal, action, resource);", 1, "template"),
        ("permit (principal, action, resource);", 1, "a permit names its actions"),
        ("// only words\n", 1, "no policy in it"),
        (
            f'@id("a") {GOOD} @id("a") {GOOD}',
            1,
            "two policies in it are called no-go#a",
        ),
    ],
)
def test_a_faulty_policy_is_named_with_its_line(text, line, words):
    found = problems(no_go=text)

    assert words in found[0].message
    assert found[0].message.startswith(f"policy no-go, line {line}: ")
    assert (found[0].line, found[0].field) == (line, "Policy/no-go")


def test_all_faults_are_told_at_once():
    found = problems(one=f"nonsense;\n{GOOD}\nmore nonsense;", two="permit", three=GOOD)

    assert [(p.field, p.line) for p in found] == [
        ("Policy/one", 1),
        ("Policy/one", 3),
        ("Policy/two", 1),
    ]


def test_an_unknown_action_is_answered_with_the_known_ones():
    [found, *_] = problems(x='forbid (principal, action == Action::"y", resource);')

    assert "endpoint.infer, endpoint.read" in found.hint


def test_no_policy_can_take_the_name_of_a_built_in_one():
    with pytest.raises(Invalid, match="no name for a policy"):
        compile_policies({"roadbed/tenants": GOOD})


def test_rules_are_called_by_their_text_their_id_or_their_place():
    names = [rule.name for rule in read_rules("a", f'@id("first") {GOOD}\n{GOOD}')]

    assert names == ["a#first", "a#2"]
    assert [rule.name for rule in read_rules("a", f'@id("first") {GOOD}')] == ["a"]


def test_more_than_ten_rules_keep_their_order():
    names = [rule.name for rule in read_rules("a", GOOD * 12)]

    assert names == [f"a#{n}" for n in range(1, 13)]


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 21 + "true" + ")" * 21,
        "[" * 100_000,
        "if true then true else " * 51 + "true",
        " && ".join(["true"] * 2000),
        'resource == Call::"' + "x" * 9000 + '"',
    ],
)
def test_text_that_would_end_the_parser_never_reaches_it(condition):
    text = f"forbid (principal, action, resource) when {{ {condition} }};"

    [problem] = problems(monster=text)
    assert "split it into several" in problem.message


@pytest.mark.parametrize(
    "condition",
    [
        " || ".join(f'principal == ServiceAccount::"a{n}"' for n in range(200)),
        "(" * 18 + "true" + ")" * 18,
        "if true then true else " * 50 + "true",
        'principal == ServiceAccount::"((((((((((((((((((((((((((((((((((({"',
        "true // ((((((((((((((((((((((((((((((((((((((\n",
    ],
)
def test_a_long_but_reasonable_policy_is_read(condition):
    text = f'@id("x") forbid (principal, action, resource) when {{ {condition} }};'
    [rule] = read_rules("long", text)

    assert (rule.name, rule.effect, rule.actions) == ("long", "forbid", None)
    assert compile_policies({"long": text})


def test_a_scope_is_read_past_comments_strings_and_odd_names():
    [rule] = read_rules(
        "odd",
        '// permit { ;\n@when("unless {") forbid (principal == ServiceAccount::"a{;",\n'
        'action in [Action::"call.read", Action::"run.read"], resource) // when {\n'
        "when // {\n{ true } unless { false };",
    )

    assert rule.effect == "forbid"
    assert rule.actions == {"call.read", "run.read"}
