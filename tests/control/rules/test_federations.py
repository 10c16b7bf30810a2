"""What may be trusted is decided when it is declared: names alone are not enough."""

import json

import pytest

from roadbed.control.rules.federations import (
    federations_are_distinct,
    federations_are_sound,
    issuers_are_sound,
)
from roadbed.control.state import State
from tests.control.stacks import OPERATOR, resource, stack_of

GITHUB = "https://token.actions.githubusercontent.com"
CLUSTER = "https://oidc.cluster.example/id/1"
PINNED = {
    "repository_id": "74",
    "repository_owner_id": "65",
    "workflow_ref": "octo/shop/.github/workflows/deploy.yml@refs/heads/main",
    "ref": "refs/heads/main",
}
WHO = [
    OPERATOR,
    resource("ServiceAccount", "ci", "roles: [ci]"),
    resource("Agent", "triage", "{owner: desk, mandate: []}"),
]


def federation(name, claims, issuer=GITHUB, audience="roadbed", account="ci"):
    spec = {
        "issuer": issuer,
        "audience": audience,
        "account": account,
        "claims": claims,
    }
    return resource("Federation", name, json.dumps(spec))


def problems(tmp_path, *resources):
    stack = stack_of(tmp_path, *WHO, *resources)
    rules = (federations_are_sound, federations_are_distinct, issuers_are_sound)
    return [p.message for rule in rules for p in rule(stack, State(), None)]


@pytest.mark.parametrize("account", ["ci", "service-account:ci", "agent:triage"])
def test_what_pins_ids_workflow_and_branch_is_accepted(tmp_path, account):
    assert problems(tmp_path, federation("a", PINNED, account=account)) == []


@pytest.mark.parametrize("name", list(PINNED))
def test_for_github_each_of_the_pins_is_needed(tmp_path, name):
    claims = {k: v for k, v in PINNED.items() if k != name}

    assert len(problems(tmp_path, federation("a", claims))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"repository_id": 74},
        {"repository_id": "octo/shop"},
        {"workflow_ref": "octo/shop/.github/workflows/deploy.yml"},
        {"event_name": "pull_request_target"},
        {"event_name": "issue_comment"},
    ],
)
def test_for_github_a_pin_that_pins_nothing_is_a_problem(tmp_path, changed):
    assert len(problems(tmp_path, federation("a", PINNED | changed))) == 1


@pytest.mark.parametrize(
    "issuer", [GITHUB, GITHUB + "/octo", "https://git.example/_services/token"]
)
def test_a_subject_alone_is_refused_for_every_github(tmp_path, issuer):
    claims = {"sub": "repo:octo/shop:ref:refs/heads/main"}

    assert len(problems(tmp_path, federation("a", claims, issuer))) == 4


@pytest.mark.parametrize(
    ("claims", "sound"),
    [
        ({"/kubernetes.io/serviceaccount/uid": "1-2"}, True),
        ({"sub": "system:serviceaccount:desk:triage"}, True),
        (
            {
                "/kubernetes.io/namespace": "desk",
                "/kubernetes.io/serviceaccount/name": "triage",
            },
            True,
        ),
        ({"/kubernetes.io/namespace": "desk"}, False),
        ({"sub": "system:serviceaccount:desk:"}, False),
        ({"/kubernetes.io/pod/name": "triage-0"}, False),
    ],
)
def test_for_kubernetes_a_service_account_is_pinned(tmp_path, claims, sound):
    assert (problems(tmp_path, federation("a", claims, CLUSTER)) == []) == sound


def test_a_token_that_every_pod_has_is_no_proof(tmp_path):
    claims = {"sub": "system:serviceaccount:desk:triage"}
    audience = "https://kubernetes.default.svc.cluster.local"
    [problem] = problems(tmp_path, federation("a", claims, CLUSTER, audience))

    assert "every pod" in problem


def test_an_issuer_of_strangers_takes_an_id(tmp_path):
    names = {"sub": "project_path:octo/shop:ref_type:branch:ref:main"}
    ids = names | {"project_id": "7"}
    gitlab = "https://gitlab.com"

    assert "strangers" in problems(tmp_path, federation("a", names, gitlab))[0]
    assert problems(tmp_path, federation("a", ids, gitlab)) == []


def test_an_account_that_is_not_declared_is_a_problem(tmp_path):
    for account in ("nobody", "agent:ci", "service-account:triage"):
        [problem] = problems(tmp_path, federation("a", PINNED, account=account))
        assert "there is no" in problem


def test_two_rules_that_one_token_satisfies_are_a_problem(tmp_path):
    main = federation("a", PINNED)
    same = federation("b", PINNED, account="agent:triage")
    wider = federation("b", PINNED | {"actor_id": "7"}, account="agent:triage")
    twice = federation("b", PINNED)
    branch = federation("b", PINNED | {"ref": "refs/heads/next"})
    apart = federation("b", PINNED, audience="other")

    for twin in (same, wider, twice):
        assert "the same tokens" in problems(tmp_path, main, twin)[0]
    again = federation("b", PINNED | {"actor_id": "7"})
    for other in (branch, apart, again):
        assert problems(tmp_path, main, other) == []


def provider(name, issuer):
    return resource("IdentityProvider", name, f"{{issuer: '{issuer}', client_id: us}}")


def test_a_workload_is_not_taken_for_a_person(tmp_path):
    rule = federation("a", {"sub": "x"}, "https://login.example", "us")
    found = problems(tmp_path, provider("company", "https://login.example"), rule)

    assert "client of IdentityProvider company" in found[0]


def test_an_issuer_has_one_provider_and_tls(tmp_path):
    twice = [
        provider("a", "https://login.example"),
        provider("b", "https://login.example"),
    ]

    assert "has this issuer already" in problems(tmp_path, *twice)[0]
    assert "no TLS" in problems(tmp_path, provider("a", "http://login.example"))[0]
    assert "no TLS" in problems(tmp_path, provider("a", "http://1.1.1.1"))[0]
    for inside in ("127.0.0.1:9", "login.internal", "dex", "10.1.2.3", "[::1]:9"):
        assert problems(tmp_path, provider("a", f"http://{inside}")) == []
