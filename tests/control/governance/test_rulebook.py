"""Cases, explanations and replays decide as the request path does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.access.actions import ACTIONS
from roadbed.access.authority import compile_policies
from roadbed.access.steps import questions_of
from roadbed.control.governance.cases import run_cases
from roadbed.control.governance.explain import can, everybody, who
from roadbed.control.governance.replay import Asked, replay, seconds_of
from roadbed.control.governance.rulebook import live_rulebook, rulebook
from roadbed.control.load import load_stack
from roadbed.control.serve import compile_snapshot, read_declared
from roadbed.control.starter import write_starter
from roadbed.core.errors import Invalid, NotFound
from roadbed.testing.fakes import FakeCatalog
from tests.control.stacks import ECHO, OPERATOR, endpoint, hosted, resource, stack_of
from tests.control.test_apply import make_desk, put

COMPANY = resource(
    "IdentityProvider", "company", "{issuer: 'https://login.example', client_id: c}"
)
SHOP = resource("ServiceAccount", "shop", "roles: [caller]")
CALLER = resource(
    "Role", "caller", "{description: Calls., actions: [endpoint.infer, version.infer]}"
)
BOUND = resource(
    "Binding",
    "risk",
    "{roles: [app], subjects: ['group:company/risk', 'user:company/7']}",
)
HELPER = resource(
    "Agent", "helper", "{owner: me, roles: [app], mandate: [endpoint.infer]}"
)
ALL = (COMPANY, SHOP, CALLER, BOUND, HELPER, ECHO, hosted(), endpoint())


def book(folder, *resources):
    stack = stack_of(folder, OPERATOR, *resources)
    return rulebook({loaded.key: loaded.content for loaded in stack.resources})


def test_the_answer_says_which_policies_and_whence_the_roles(tmp_path):
    answer = can(book(tmp_path, *ALL), "service-account:shop", "endpoint.infer", "bot")

    assert answer.allowed
    assert answer.policies == ["role/caller"]
    assert answer.roles == ["caller (declared)"]
    assert (answer.action, answer.target) == ("version.infer", "ModelVersion/bot@1")
    assert answer.digest.startswith("sha256:")


def test_everybody_who_may_is_listed_people_and_groups_too(tmp_path):
    may = {a.who: a for a in who(book(tmp_path, *ALL), "endpoint.infer", "bot")}

    assert sorted(may) == [
        "group:company/risk",
        "service-account:operator",
        "service-account:shop",
        "user:company/7",
    ]
    assert may["user:company/7"].roles == ["app (Binding/risk)"]


def test_a_no_names_the_guard_and_the_part_of_the_call_that_it_fell_on(tmp_path):
    helper = can(book(tmp_path, *ALL), "agent:helper", "endpoint.infer", "bot")

    assert not helper.allowed
    assert helper.guards == ["roadbed/agents#agents-mandate"]
    assert (helper.action, helper.target) == ("version.infer", "ModelVersion/bot@1")


@pytest.mark.parametrize(
    ("whom", "action", "target", "error"),
    [
        ("service-account:nobody", "endpoint.infer", "*", NotFound),
        ("user:other/7", "endpoint.infer", "*", NotFound),
        ("root", "endpoint.infer", "*", NotFound),
        ("service-account:shop", "endpoint.infr", "*", Invalid),
        ("service-account:shop", "endpoint.infer", "Model/bot", Invalid),
        ("service-account:shop", "version.read", "bot", Invalid),
    ],
)
def test_a_question_about_nobody_or_nothing_is_told_so(
    tmp_path, whom, action, target, error
):
    with pytest.raises(error):
        can(book(tmp_path, *ALL), whom, action, target)


def test_explaining_decides_on_the_very_targets_that_are_served(
    sqlite_database, tmp_path
):
    desk = make_desk(sqlite_database, tmp_path)
    put(desk, tmp_path, *ALL)

    with sqlite_database.read() as connection:
        declared = read_declared(connection, 1)
        asked = live_rulebook(connection).questions("endpoint.infer", "bot")
    served = compile_snapshot(declared, FakeCatalog().open, compile_policies).snapshot
    assert asked == questions_of(served.deployments["bot"])
    assert [target.revision for _, target in asked] == [
        target.revision for _, target in questions_of(served.deployments["bot"])
    ]


@settings(max_examples=60, deadline=None)
@given(action=st.sampled_from(sorted(ACTIONS)), data=st.data())
def test_who_lists_exactly_those_who_can(tmp_path_factory, action, data):
    rules = book(tmp_path_factory.mktemp("stack"), *ALL)
    name = data.draw(st.sampled_from(everybody(rules)))
    kind = ACTIONS[action].kind
    target = "bot@1" if kind == "ModelVersion" else "bot"

    listed = {answer.who for answer in who(rules, action, target)}
    assert (name in listed) == can(rules, name, action, target).allowed


def test_a_replay_lists_each_flip_with_the_policy_that_decides_it(tmp_path):
    forbid = resource(
        "Policy",
        "closed",
        'cedar: |\n  forbid (principal in Role::"caller", '
        'action == Action::"endpoint.infer", resource);',
    )
    before = book(tmp_path / "a", *ALL)
    after = book(tmp_path / "b", *ALL, forbid)
    call = Asked("service-account:shop", "endpoint.infer", "Endpoint/bot")
    person = Asked("user:https://login.example#7", "endpoint.infer", "Endpoint/bot")
    stranger = Asked("service-account:gone", "endpoint.infer", "Endpoint/bot")

    done = replay(before, after, [call, call, person, stranger])
    [flip] = done.flips
    assert (flip.who, flip.times) == ("service-account:shop", 2)
    assert (flip.live, flip.candidate) == ("allow", "deny")
    assert flip.decided_by == ["closed"]
    assert (done.asked, done.different, done.unknown, done.ungrouped) == (4, 3, 1, 1)


def test_a_role_taken_away_flips_as_well(tmp_path):
    less = [SHOP.replace("caller", "viewer", 1), *(r for r in ALL if r != SHOP)]
    call = Asked("service-account:shop", "endpoint.infer", "Endpoint/bot")

    done = replay(book(tmp_path / "a", *ALL), book(tmp_path / "b", *less), [call])
    assert [f.decided_by for f in done.flips] == [["no policy permits it"]]


def test_the_same_policies_flip_nothing(tmp_path):
    rules = book(tmp_path, *ALL)
    asked = [Asked(name, a, "*") for name in everybody(rules) for a in ACTIONS]

    assert replay(rules, rules, asked).flips == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("90s", 90), ("2w", 1_209_600)]
)
def test_a_length_of_time_is_a_number_and_a_unit(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 d", "7y", "99999999d"])
def test_other_lengths_of_time_are_refused(text):
    with pytest.raises(Invalid):
        seconds_of(text)


def cases(folder, text):
    write_starter(folder)
    (folder / "policies" / "tests" / "access.yaml").write_text(text)
    return run_cases(load_stack(folder))


def test_the_starter_passes_its_own_cases(tmp_path):
    write_starter(tmp_path)

    results = run_cases(load_stack(tmp_path))
    assert len(results) >= 4
    assert [r.case.name for r in results if not r.passed] == []


CASE = """\
cases:
  - name: {name}
    who: {who}
    action: {action}
    resource: {resource}
    expect: {expect}
"""


@pytest.mark.parametrize(
    ("who_", "resource_", "allowed"),
    [
        (
            "{kind: service-account, name: demo-app}",
            "{kind: Endpoint, name: handbook}",
            1,
        ),
        ("{kind: service-account, name: x}", "{kind: Endpoint, name: handbook}", 0),
        ("{kind: user, name: 'i#1', roles: [app]}", "{kind: Endpoint}", 1),
        ("{kind: user, name: x, roles: [app], tenant: south}", "{kind: Endpoint}", 0),
        (
            "{kind: user, name: x, roles: [app], tenant: south}",
            "{kind: Endpoint, attributes: {tenant: south}}",
            1,
        ),
        ("{kind: agent, name: x, roles: [app], mandate: []}", "{kind: Endpoint}", 0),
        (
            "{kind: user, name: x, roles: [app], residency: [eu]}",
            "{kind: Endpoint, attributes: {region: us}}",
            0,
        ),
    ],
)
def test_a_case_says_who_wants_what(tmp_path, who_, resource_, allowed):
    text = CASE.format(
        name="x", who=who_, action="endpoint.infer", resource=resource_, expect="allow"
    )

    [result] = cases(tmp_path, text)
    assert result.allowed == bool(allowed) == result.passed
    assert (result.file, result.line) == ("policies/tests/access.yaml", 2)


def test_the_right_answer_for_another_reason_fails(tmp_path):
    text = CASE.format(
        name="x",
        who="{kind: service-account, name: demo-app}",
        action="key.create",
        resource="{kind: Key}",
        expect="deny",
    )

    [result] = cases(tmp_path, text + "    reason: roadbed/tenants\n")
    assert not result.allowed
    assert not result.passed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cases: []\n", "cases: must have at least 1 items"),
        ("case: 1\n", "access.yaml:1: case: unknown field (did you mean cases?)"),
        (
            CASE.format(name="x", who="{}", action="a", resource="{}", expect="maybe"),
            "",
        ),
    ],
)
def test_cases_that_cannot_be_read_are_told_with_their_place(tmp_path, text, problem):
    with pytest.raises(Invalid) as refused:
        cases(tmp_path, text)

    assert problem in " ".join(str(p) for p in refused.value.problems)
    assert refused.value.problems
