"""What a stack declares for one tenant refers to nothing of another."""

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.control.desk import Desk
from roadbed.control.rules.tenants import tenants_stay
from roadbed.control.state import State
from roadbed.control.validate import check
from roadbed.core.errors import Invalid
from roadbed.testing.fakes import FakeCatalog, FixedClock
from tests.abuse.tenants import DATA, declared
from tests.control.stacks import OPERATOR, live, stack_of, write

HOSTED = {"owner": "team", "hosted": {"provider": "echo", "upstream": "echo-1"}}
PROOF = {
    "issuer": "https://ci.example.com",
    "audience": "roadbed",
    "claims": {"repository_id": "1"},
    "account": "ci",
}


def echo(tenant):
    return declared("Provider", "echo", tenant, {"type": "echo"})


def problems(folder, *texts, before=None):
    stack = stack_of(folder, OPERATOR, *texts)
    found = check(stack, before or State(), FakeCatalog())
    return [str(p) for p in found if "tenant" in p.message]


def bot(model_of, endpoint_of):
    return (
        declared("Model", "bot", model_of, HOSTED),
        declared("Endpoint", "bot", endpoint_of, {"model": "bot@1"}),
    )


@pytest.mark.parametrize("tenant", ["default", "acme"])
def test_what_one_tenant_has_may_refer_to_itself_and_to_shared_providers(
    tmp_path, tenant
):
    assert problems(tmp_path / "a", echo("default"), *bot(tenant, tenant)) == []
    assert problems(tmp_path / "b", echo(tenant), *bot(tenant, tenant)) == []


@pytest.mark.parametrize(
    ("model", "serves"), [("acme", "beta"), ("default", "acme"), ("acme", "default")]
)
def test_an_endpoint_serves_no_model_of_another_tenant(tmp_path, model, serves):
    (problem,) = problems(tmp_path, echo("default"), *bot(model, serves))

    assert f"model bot belongs to the tenant {model}, and bot to {serves}" in problem
    assert problem.startswith("stack.yaml:")


@pytest.mark.parametrize("tenant", ["default", "beta"])
def test_a_model_runs_on_no_provider_of_another_tenant(tmp_path, tenant):
    found = problems(tmp_path, echo("acme"), *bot(tenant, tenant))

    assert len(found) >= 1
    assert "provider echo belongs to the tenant acme" in found[0]


def test_a_pinned_version_runs_on_no_provider_that_went_to_another_tenant(tmp_path):
    before = live(stack_of(tmp_path / "a", echo("default"), *bot("beta", "beta")))
    moved = {**HOSTED, "hosted": {"provider": "mine", "upstream": "echo-1"}}
    found = problems(
        tmp_path / "b",
        echo("acme"),
        declared("Provider", "mine", "beta", {"type": "echo"}),
        declared("Model", "bot", "beta", moved),
        declared("Endpoint", "bot", "beta", {"model": "bot@1"}),
        before=before,
    )

    assert ["provider echo belongs to the tenant acme" in p for p in found] == [True]


def test_a_federation_proves_no_account_of_another_tenant(tmp_path):
    account = declared("ServiceAccount", "ci", "acme", {"roles": ["ci"]})

    crossing = declared("Federation", "ci", "beta", PROOF)
    (problem,) = problems(tmp_path / "a", account, crossing)
    within = declared("Federation", "ci", "acme", PROOF)

    assert "serviceaccount ci belongs to the tenant acme" in problem
    assert problems(tmp_path / "b", account, within) == []


def test_a_name_stays_with_its_tenant(tmp_path):
    stack = stack_of(tmp_path, declared("Dataset", "tumors", "beta", DATA))
    known = State(tenants={("Dataset", "tumors"): "acme"})

    (problem,) = tenants_stay(stack, known, FakeCatalog())
    same = State(tenants={("Dataset", "tumors"): "beta"})

    assert problem.message == "Dataset tumors belongs to the tenant acme"
    assert problem.field == "metadata.tenant"
    assert list(tenants_stay(stack, same, FakeCatalog())) == []


def test_not_even_what_was_retired_goes_to_another_tenant(apply):
    mine = declared("Dataset", "tumors", "acme", DATA)
    for resources in ([mine], []):
        apply(*resources)

    with pytest.raises(Invalid) as refused:
        apply(declared("Dataset", "tumors", "beta", DATA))

    assert "belongs to the tenant acme" in str(refused.value.problems[0])


@pytest.fixture
def apply(sqlite_database, tmp_path):
    """Applies resources beside the operator."""
    blobs = LocalBlobs(tmp_path / "blobs")
    desk = Desk(
        database=sqlite_database,
        blobs=blobs,
        catalog=FakeCatalog(),
        clock=FixedClock(),
    )

    def make_live(*texts):
        folder = write(tmp_path / "stack", stack="---\n".join([OPERATOR, *texts]))
        return desk.apply(desk.propose(folder), "service-account:operator")

    return make_live
