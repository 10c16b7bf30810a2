"""Access on the governed path: who is calling, and may they?"""

from dataclasses import replace

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.steps import Authenticate, Authorize
from roadbed.core.errors import Denied, Unauthenticated
from roadbed.identity.tokens import credential_digest
from roadbed.inference.call import Call, Outcome, TensorRequest
from roadbed.inference.snapshot import (
    Choice,
    Deployment,
    ModelVersion,
    Snapshot,
    Upstream,
)
from tests.principals import NOW, account

KEY = "rbk_1_secret"
NO_PRODUCTION = (
    'forbid (principal, action == Action::"endpoint.infer", resource) '
    'when { resource has stage && resource.stage == "production" };'
)


def deployed(name, **attributes):
    version = ModelVersion(model=name, number=1, digest="d", definition={"hosted": {}})
    only = Choice.at(version, None, "p")
    return Deployment(endpoint=name, choices=(only,), attributes=attributes)


def call(
    endpoint="bot", *, credential=KEY, policies=None, roles=("app",), **attributes
):
    snapshot = Snapshot(
        revision=1,
        digest="d",
        authority=compile_policies(policies or {}),
        credentials={credential_digest(KEY): account("claims", *roles)},
        deployments={"bot": deployed("bot", **attributes)},
    )
    return Call(
        id="local-1",
        received_us=NOW,
        started_ns=0,
        dialect="v2",
        endpoint=endpoint,
        credential=credential,
        request=TensorRequest(inputs=()),
        snapshot=snapshot,
    )


def travel(this, now_us=NOW):
    for step in (Authenticate(lambda: now_us), Authorize()):
        step.admit(this)
        step.finish(this, Outcome())
    return this


def test_a_known_key_with_the_right_role_passes():
    passed = travel(call())

    assert str(passed.principal) == "service-account:claims"
    assert passed.decision.reasons == ("roadbed/app",)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "rbk_1_secre",
        "rbk_1_secret ",
        "Bearer rbk_1_secret",
        "' OR 1=1 --",
        "\udc80",
    ],
)
def test_an_unknown_key_is_nobody(credential):
    with pytest.raises(Unauthenticated) as caught:
        travel(call(credential=credential))
    assert "rbk_…" in caught.value.hint


def test_a_key_stops_working_the_moment_it_expires():
    expires_us = account().expires_us
    travel(call(), now_us=expires_us - 1)

    with pytest.raises(Unauthenticated, match="expired at 20"):
        travel(call(), now_us=expires_us)


def test_a_denial_leaves_its_decision_on_the_call():
    denied = call(roles=("viewer",))

    with pytest.raises(Denied, match="no policy permits it"):
        travel(denied)
    assert denied.decision.allowed is False


def test_policies_read_what_the_endpoint_is():
    policies = {"no-production": NO_PRODUCTION}

    with pytest.raises(Denied, match="no-production"):
        travel(call(policies=policies))


def test_an_endpoint_of_another_tenant_is_decided_upon_like_one_that_is_not_there():
    declared = {"no-production": NO_PRODUCTION}
    elsewhere = travel(call(policies=declared, tenant="south"))
    nowhere = travel(call("nowhere", policies=declared))

    assert elsewhere.decision == nowhere.decision
    with pytest.raises(Denied, match="no policy permits it"):
        travel(call(roles=("viewer",), tenant="south"))


def test_a_missing_endpoint_tells_nothing_to_who_may_not_call_it():
    assert travel(call("nowhere")).decision.allowed
    with pytest.raises(Denied) as missing:
        travel(call("nowhere", roles=("viewer",)))
    with pytest.raises(Denied) as there:
        travel(call("bot", roles=("viewer",)))

    assert missing.value.message.replace("nowhere", "bot") == there.value.message


def test_a_call_that_skipped_authentication_is_refused():
    with pytest.raises(Unauthenticated):
        Authorize().admit(call())


def test_no_refusal_repeats_the_credential():
    this = replace(call(credential="rbk_9_topsecret"))

    with pytest.raises(Unauthenticated) as caught:
        travel(this)
    assert "topsecret" not in caught.value.message + caught.value.hint


def test_the_version_behind_an_endpoint_is_asked_for_as_well():
    this = call()
    deployment = this.snapshot.deployments["bot"]
    own = {"infer_by": ["role:other"]}
    closed = replace(
        deployment, choices=(replace(deployment.choices[0], attributes=own),)
    )
    this.snapshot = replace(this.snapshot, deployments={"bot": closed})

    with pytest.raises(
        Denied, match=r"may not do version\.infer on ModelVersion/bot@1"
    ):
        travel(this)
    assert this.decision.reasons == ("roadbed/versions#versions-infer",)


def test_whoever_is_on_the_list_of_the_version_is_answered():
    this = call()
    deployment = this.snapshot.deployments["bot"]
    own = {"infer_by": ["role:app"]}
    listed = replace(
        deployment, choices=(replace(deployment.choices[0], attributes=own),)
    )
    this.snapshot = replace(this.snapshot, deployments={"bot": listed})

    assert travel(this).decision.allowed


def test_the_reasons_of_both_decisions_are_on_record():
    first = 'permit (principal, action == Action::"endpoint.infer", resource);'
    second = 'permit (principal, action == Action::"version.infer", resource);'
    this = call(policies={"first": first, "second": second}, roles=())

    decision = travel(this).decision
    assert decision.reasons == ("first", "second")
    assert decision.policy_digest == this.snapshot.authority.digest


@pytest.mark.parametrize(
    ("regions", "allowed"),
    [
        (("eu-west",), True),
        (("us-east",), False),
        (("us-east", "eu-west"), True),
        (("us-east", "us-west"), False),
        (("", "eu-west"), True),
        ((), False),
    ],
)
def test_one_place_where_it_may_be_processed_is_enough(regions, allowed):
    this = call()
    bot = this.snapshot.deployments["bot"]
    places = tuple(
        Upstream(runner=None, provider="p", name=f"p{n}", region=where)
        for n, where in enumerate(regions or ("",))
    )
    spread = replace(
        bot,
        choices=(Choice(version=bot.version, upstreams=places),),
        attributes={"residency": ["eu-west"]},
    )
    this.snapshot = replace(this.snapshot, deployments={"bot": spread})
    if allowed:
        assert travel(this).decision.allowed
    else:
        with pytest.raises(Denied, match="residency"):
            travel(this)
