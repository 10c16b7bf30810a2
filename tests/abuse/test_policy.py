"""Abuse of policy: broken rules, borrowed rights, one's own approval, stale permits."""

import time
from dataclasses import replace

import pytest

from roadbed.access.authority import CedarAuthority, compile_policies
from roadbed.access.rules import built_in_rules, read_rules
from roadbed.access.steps import questions_of
from roadbed.core.decision import Target
from roadbed.core.errors import Denied
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion
from roadbed.workbench.connect import connect
from tests.acceptance.line import Line
from tests.principals import NOW, account, endpoint

REVIEWER = """\
---
apiVersion: roadbed/v1
kind: ServiceAccount
metadata: {name: reviewer}
spec: {roles: [product-owner], keys: true}
"""
SALES = """\
---
apiVersion: roadbed/v1
kind: Dataset
metadata: {name: customers}
spec:
  {owner: sales, licence: none, classification: restricted, purposes: [billing],
   source: the shop}
"""
PURPOSES = "  purposes: [support]\n"


@pytest.fixture(scope="module")
def governed(tmp_path_factory):
    """A served line with a reviewer, data for billing, and a model that takes one
    approval; version 2 of it was made by the operator and is not pinned."""
    line = Line(tmp_path_factory.mktemp("abuse") / "line").start_stack().up()
    line.app_key = line.key("demo-app")
    own = "auditor, product-owner]"
    edit(line, "access.yaml", lambda text: text.replace("auditor]", own) + REVIEWER)
    edit(line, "datasets.yaml", lambda text: text + SALES)
    edit(line, "handbook/access.md", lambda text: text + "\nOne page more.\n")
    approved = PURPOSES + "  approvals: 1\n"
    edit(line, "models.yaml", lambda text: text.replace(PURPOSES, approved, 1))
    line.run("apply", "--yes")
    line.reviewer_key = line.json("key", "create", "reviewer")["secret"]
    yield line
    line.stop()


def edit(line, name, change):
    file = line.folder / name
    file.write_text(change(file.read_text()))


def pin(line, number):
    edit(
        line,
        "endpoints/handbook.yaml",
        lambda text: text.replace("handbook@1", f"handbook@{number}").replace(
            "handbook@2", f"handbook@{number}"
        ),
    )


def why_of_version(line, number):
    """Return the chain of custody of a call that this version answered."""
    for _ in range(100):
        told = line.run("why", line.ask(line.app_key)[1])
        if f"handbook@{number}" in told:
            return told
        time.sleep(0.05)
    raise AssertionError(f"version {number} was never served")


@pytest.mark.parametrize(
    "careless",
    [
        "resource.stage == principal.stage",
        'resource.getTag("team") == "risk"',
        "context.level > 3",
        "resource.region.contains(1)",
    ],
)
def test_a_policy_that_fails_denies_what_it_was_to_forbid(careless):
    """Case 15: missing attributes, tags and context make a denial, never a permit."""
    text = f"forbid (principal, action, resource) when {{ {careless} }};"
    authority = CedarAuthority([*built_in_rules(), *read_rules("careless", text)], "d")

    decision = authority.decide(account("x", "app"), "endpoint.infer", endpoint())
    assert not decision.allowed
    assert "`careless`" in " ".join(decision.reasons)


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("endpoint.infer", endpoint(stage=1.5)),
        ("endpoint.infer", endpoint(labels={"a": 1.5})),
        ("endpoint.infer", Target(kind="Unknown", name="x")),
        ("endpoint.unknown", endpoint()),
        (
            "version.infer",
            Target(kind="ModelVersion", name="m@1", attributes={"a": 1j}),
        ),
    ],
)
def test_a_question_outside_the_schema_is_denied(action, target):
    """Case 15: floats, unknown entities and unknown actions are denied."""
    generous = {
        "all": 'permit (principal, action in [Action::"endpoint.infer", '
        'Action::"version.infer"], resource);'
    }

    decision = compile_policies(generous).decide(account("x", "app"), action, target)
    assert not decision.allowed


@pytest.mark.parametrize("verb", ["read", "retrain", "approve", "promote", "delete"])
def test_being_on_the_list_for_inference_gives_nothing_else(verb):
    """Case 16: an ACL for inference gives no retrain, promote, approve or read."""
    listed = {"infer_by": ["service-account:shop"], "tenant": "default"}
    target = Target.fixed("ModelVersion", "m@1", listed)
    shop, authority = account("shop", "app"), compile_policies({})

    assert authority.decide(shop, "version.infer", target, NOW).allowed
    assert not authority.decide(shop, f"version.{verb}", target, NOW).allowed


def test_nobody_approves_their_own_promotion(governed):
    """Case 16: neither the maker's nor the applier's word counts; another's does."""
    own = governed.run("model", "approve", "handbook@2", code=4)
    pin(governed, 2)
    early = governed.run("apply", "--yes", code=4)
    reason = ("--reason", "read it")
    key = {"ROADBED_KEY": governed.reviewer_key}
    governed.run("model", "approve", "handbook@2", *reason, **key)
    late = governed.run("apply", "--yes")

    assert "roadbed/versions#versions-own" in own
    assert "handbook@2 has 0 of the 1 approvals" in early
    assert "applied: revision" in late
    assert "approved by     service-account:reviewer" in why_of_version(governed, 2)
    refused = governed.json("audit", "list", "--outcome", "denied")["entries"]
    assert {"version.approve", "stack.apply"} <= {e["action"] for e in refused}


def test_a_change_of_rights_reaches_the_server(governed):
    """Case 18: what was allowed a moment ago is refused once the policy has changed."""
    assert governed.ask(governed.app_key)[0] == 200
    closed = 'forbid (principal, action == Action::"version.infer", resource);\n'
    (governed.folder / "policies" / "closed.cedar").write_text(closed)
    governed.run("apply", "--yes")
    applied = time.monotonic()

    while governed.ask(governed.app_key)[0] != 403:
        assert time.monotonic() - applied < 30
        time.sleep(0.05)
    flips = governed.json("policy", "replay", "--since", "1h")
    (governed.folder / "policies" / "closed.cedar").unlink()
    reopened = governed.json("policy", "replay", "--since", "1h")
    governed.run("apply", "--yes")
    assert flips["flips"] == []
    assert [
        (f["live"], f["candidate"], f["decided_by"]) for f in reopened["flips"]
    ] == [("deny", "allow", ["roadbed/app"])]


def test_no_remembered_permit_outlives_the_policy_or_the_list_it_came_from():
    """Case 18: not for the same principal, the same target, the same authority."""
    version = ModelVersion(model="m", number=1, digest="d", definition={"hosted": {}})
    before = Deployment(endpoint="e", choices=(Choice.at(version, None, "p"),))
    closed_to_all = Choice.at(version, None, "p", {"infer_by": []})
    after = replace(before, choices=(closed_to_all,))
    who, authority = account("x", "app"), compile_policies({})
    assert all(d.allowed for d in authority.decide_all(who, questions_of(before)))

    listed = authority.decide_all(who, questions_of(after))
    closed = compile_policies(
        {"no": 'forbid (principal, action == Action::"endpoint.infer", resource);'}
    )
    assert listed[-1].reasons == ("roadbed/versions#versions-infer",)
    assert not closed.decide_all(who, questions_of(before))[0].allowed
    assert not authority.decide(
        replace(who, roles=frozenset()), "endpoint.infer", before.target
    ).allowed


def test_data_for_another_purpose_is_never_read(governed):
    """Case 29: no byte is read; the objects are not even there any more."""
    bed = connect(governed.folder)
    version = bed.dataset("customers").snapshot({"age": [1, 2, 3]})
    for item in version.objects:
        bed.blobs.path(item.digest).unlink()

    with pytest.raises(Denied, match="may not be used for demonstration"):
        bed.run("train", data=version, model="tumor-triage").__enter__()
    assert bed.history("train") == []


def test_data_for_another_purpose_is_refused_by_the_plan(governed):
    """Case 29: a model that names such data cannot be declared."""
    wanted = "    provider: local\n"
    edit(
        governed,
        "models.yaml",
        lambda text: text.replace(wanted, wanted + "    datasets: [customers]\n", 1),
    )

    refused = governed.run("plan", code=2)
    edit(
        governed,
        "models.yaml",
        lambda text: text.replace("    datasets: [customers]\n", "", 1),
    )
    assert "dataset customers may not be used for demonstration" in refused


def test_whoever_may_not_train_on_data_never_begins(governed):
    """Case 29: the principal is asked about before the run is on record."""
    version = connect(governed.folder).dataset("tumors").snapshot({"size": [1, 2]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROADBED_KEY", governed.reviewer_key)
        bed = connect(governed.folder)

        with pytest.raises(Denied):
            bed.run("train", data=version).__enter__()
        assert bed.history("train") == []
