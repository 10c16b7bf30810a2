"""A plan refuses what names nobody, and what would lock everybody out."""

import pytest

from roadbed.control.load import read_stack
from roadbed.control.plan import make_plan
from roadbed.control.state import State
from roadbed.control.validate import check
from roadbed.testing.fakes import FakeCatalog
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

COMPANY = resource(
    "IdentityProvider", "company", "{issuer: 'https://login.example', client_id: c}"
)
ROLE = resource(
    "Role", "caller", "{description: Calls., actions: [endpoint.infer, version.infer]}"
)


def told(folder, *resources, state=None):
    stack = stack_of(folder, OPERATOR, *resources)
    return [str(p) for p in check(stack, state or State(), FakeCatalog())]


@pytest.mark.parametrize(
    ("kind", "spec", "problem"),
    [
        (
            "ServiceAccount",
            "roles: [callr]",
            "spec.roles[0]: there is no role 'callr' (did you mean caller?)",
        ),
        (
            "Agent",
            "{owner: me, roles: [vewer]}",
            "there is no role 'vewer' (did you mean viewer?)",
        ),
        (
            "Agent",
            "{owner: me, mandate: [endpoint.infr]}",
            "there is no action 'endpoint.infr' (did you mean endpoint.infer?)",
        ),
        (
            "Binding",
            "{roles: [nobody], subjects: ['group:company/risk']}",
            "there is no role 'nobody'",
        ),
        (
            "Binding",
            "{roles: [app], subjects: ['user:compny/1f2e']}",
            "spec.subjects[0]: user:compny/1f2e: there is no IdentityProvider called "
            "'compny' (did you mean company?)",
        ),
        (
            "Binding",
            "{roles: [app], subjects: ['agent:helper']}",
            "agent:helper: there is no Agent called 'helper'",
        ),
        (
            "Role",
            "{description: x, actions: [endpoint.infere]}",
            "spec.actions[0]: there is no action 'endpoint.infere' (did you mean",
        ),
        (
            "Model",
            "{owner: a, trained: {provider: echo}, access: {infer: ['role:cllr']}}",
            "spec.access.infer[0]: role:cllr: there is no Role called 'cllr'",
        ),
        (
            "Model",
            "{owner: a, trained: {provider: echo}, versions: {'3': {read: "
            "['group:x/y']}}}",
            "spec.versions.3.read[0]: group:x/y: there is no IdentityProvider",
        ),
    ],
)
def test_a_name_that_nobody_declared_is_told_with_its_place(
    tmp_path, kind, spec, problem
):
    [said] = told(tmp_path, ECHO, COMPANY, ROLE, resource(kind, "mine", spec))

    assert said.startswith("stack.yaml:")
    assert problem in said


def test_a_role_takes_no_built_in_name(tmp_path):
    role = resource("Role", "viewer", "{description: x, actions: [endpoint.infer]}")

    [said] = told(tmp_path, role)
    assert "metadata.name: viewer is a built-in role" in said


def test_names_that_are_declared_are_fine(tmp_path):
    model = resource(
        "Model",
        "m",
        "owner: a\ntrained: {provider: echo}\n"
        "access: {infer: ['role:caller', 'role:app', 'user:company/1'], delete: []}",
    )
    binding = resource(
        "Binding",
        "b",
        "{roles: [caller, viewer], subjects: ['user:company/1', "
        "'service-account:operator']}",
    )

    assert told(tmp_path, ECHO, COMPANY, ROLE, model, binding) == []


def locked(folder, *resources, keyed=("operator",)):
    stack = stack_of(folder, *resources)
    state = State(keyed=frozenset(keyed))
    return [str(p) for p in check(stack, state, FakeCatalog()) if "left" in str(p)]


def test_what_bindings_and_roles_give_counts_against_a_lockout(tmp_path):
    plain = resource("ServiceAccount", "operator", "keys: true")
    admin = resource(
        "Role", "admin", "{description: x, actions: [stack.apply, key.create]}"
    )
    bound = resource(
        "Binding", "b", "{roles: [admin], subjects: ['service-account:operator']}"
    )

    assert len(locked(tmp_path / "a", plain, admin)) == 2
    assert locked(tmp_path / "b", plain, admin, bound) == []


def test_a_person_who_is_named_counts_and_a_group_may_be_empty(tmp_path):
    roles = "roles: [platform-engineer, security-admin]"
    person = resource("Binding", "b", f"{{{roles}, subjects: ['user:company/1']}}")
    group = resource("Binding", "b", f"{{{roles}, subjects: ['group:company/it']}}")

    assert locked(tmp_path / "a", COMPANY, person) == []
    assert len(locked(tmp_path / "b", COMPANY, group)) == 2


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("region: eu-west", ""),
        ("region: us-east", "the provider 'echo', which processes in us-east"),
        ("", "the provider 'echo', which processes nobody says where"),
    ],
)
def test_an_endpoint_stays_within_its_regions(tmp_path, region, problem):
    provider = resource("Provider", "echo", f"type: echo\n{region}")
    within = endpoint(more="residency: [eu-west]")

    said = told(tmp_path, provider, hosted(), within)
    assert len(said) == bool(problem)
    assert problem in "".join(said)


DATA = (
    "{owner: a, licence: MIT, classification: internal, purposes: [sales], source: x}"
)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("purposes: [sales]\ntrained: {provider: echo, datasets: [d]}", ""),
        (
            "purposes: [sales, triage]\ntrained: {provider: echo, datasets: [d]}",
            "dataset d may not be used for triage: it is for sales",
        ),
        (
            "trained: {provider: echo, datasets: [d]}",
            "dataset d may not be used for a model without purposes",
        ),
        (
            "purposes: [sales]\ntrained: {provider: echo, datasets: [dd]}",
            "there is no dataset 'dd' (did you mean d?)",
        ),
    ],
)
def test_a_model_is_trained_on_data_for_its_purposes(tmp_path, spec, problem):
    model = resource("Model", "m", f"owner: a\n{spec}")

    said = told(tmp_path, ECHO, resource("Dataset", "d", DATA), model)
    assert len(said) == bool(problem)
    assert problem in "".join(said)


def test_lists_and_approvals_make_no_new_version(tmp_path):
    before = live(stack_of(tmp_path / "a", OPERATOR, ECHO, hosted()))
    listed = hosted() + "  access: {infer: ['role:app']}\n  approvals: 2\n"
    [change] = make_plan(
        stack_of(tmp_path / "b", OPERATOR, ECHO, listed), before
    ).changes

    assert change.makes == ""
    assert {f.path: f.after for f in change.fields}["spec.approvals"] == 2


def test_cases_of_access_are_no_resources(tmp_path):
    write(tmp_path, a=ECHO)
    write(tmp_path / "policies" / "tests", cases="cases: []\n")
    write(tmp_path / "tests", b=ECHO.replace("echo", "other", 1))

    stack, problems = read_stack(tmp_path)
    assert problems == []
    assert [r.file for r in stack.resources] == ["a.yaml", "tests/b.yaml"]
