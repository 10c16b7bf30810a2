"""Prices, budgets and limits from what is declared to what a snapshot holds."""

import pytest

from roadbed.control.allowances import budgets_of, rate_limits_of
from roadbed.control.pricing import priced, unpriced
from roadbed.control.readable import choice_of
from roadbed.control.rules.money import RULES
from roadbed.control.state import State
from roadbed.core.errors import Invalid
from roadbed.gateway.money.pricelist import PriceBook
from roadbed.gateway.money.scope import Scope
from roadbed.identity.directory import NOBODY_KNOWN
from roadbed.inference.snapshot import ModelVersion
from tests.control.stacks import live, resource, stack_of

OPENAI = resource("Provider", "openai", """
    type: openai
    config: {base_url: "https://api.openai.com/v1"}
    """)  # fmt: skip
VLLM = resource("Provider", "vllm", """
    type: openai
    config: {base_url: "http://10.0.0.7/v1", private: true}
    """)  # fmt: skip
ACCOUNT = resource("ServiceAccount", "ci", "roles: []")


def model(name, provider, upstream):
    spec = f"{{owner: a, hosted: {{provider: {provider}, upstream: {upstream}}}}}"
    return resource("Model", name, spec)


def budget(scope, kind="Budget", tenant="default"):
    amount = "amount: '2.5'" if kind == "Budget" else "concurrency: 3"
    text = resource(kind, "b", f"{amount}\nscope: {scope}")
    return text.replace("{name: b}", f"{{name: b, tenant: {tenant}}}")


def problems(tmp_path, *resources):
    stack = stack_of(tmp_path, ACCOUNT, *resources)
    return [p.message for rule in RULES for p in rule(stack, State(), None)]


def test_a_plan_notes_models_that_nobody_knows_a_price_of(tmp_path):
    prices = resource("PriceList", "own", """
        prices: [{provider: vllm, upstream: llama*, input: "0.10"}]
        """)  # fmt: skip
    models = [
        model("known", "openai", "gpt-4o-2024-11-20"),
        model("own", "vllm", "llama-4"),
        model("dark", "vllm", "qwen"),
    ]

    notes = unpriced(stack_of(tmp_path, OPENAI, VLLM, prices, *models), 0)

    assert len(notes) == 1
    assert "no price is known for qwen at vllm" in notes[0]


def test_each_place_of_a_provider_has_its_own_prices(tmp_path):
    provider = live(stack_of(tmp_path, OPENAI)).resources["Provider", "openai"].content
    spec = provider["spec"] | {
        "upstreams": [
            {"name": "public", "config": {}, "weight": 1, "region": None},
            {
                "name": "own",
                "config": {"base_url": "http://10.0.0.7"},
                "weight": 1,
                "region": None,
            },
        ]
    }
    definition = {"hosted": {"provider": "openai", "upstream": "gpt-4o-2024-11-20"}}
    version = ModelVersion(model="m", number=1, digest="d", definition=definition)
    content = {**provider, "spec": spec}

    public, own = priced(
        choice_of(version, {}, content), content, PriceBook()
    ).upstreams

    assert public.prices is not None
    assert own.prices is None


@pytest.mark.parametrize("kind", ["Budget", "RateLimit"])
def test_a_scope_names_what_exists(tmp_path, kind):
    assert problems(tmp_path, budget("{service_account: ci}", kind)) == []
    found = problems(tmp_path, budget("{service_account: c1, endpoint: e}", kind))
    assert found == ["there is no Endpoint 'e'", "there is no ServiceAccount 'c1'"]


def test_only_the_default_tenant_holds_another_to_a_budget(tmp_path):
    assert problems(tmp_path, budget("{tenant: acme}")) == []
    assert problems(tmp_path, budget("{tenant: acme}", tenant="acme")) == []
    found = problems(tmp_path, budget("{tenant: other}", tenant="acme"))
    assert found == ["b belongs to the tenant acme"]


def test_a_price_is_of_a_provider_that_is_declared(tmp_path):
    prices = "prices: [{provider: nobody, upstream: x}]"
    found = problems(tmp_path, resource("PriceList", "own", prices))
    assert found == ["there is no provider 'nobody'"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Budget", "amount: 2.5"),
        ("Budget", "amount: '-1'"),
        ("Budget", "amount: '1e9'"),
        ("Budget", "{amount: '1', alerts: [101]}"),
        ("RateLimit", "scope: {endpoint: e}"),
        ("RateLimit", "concurrency: 0"),
        ("PriceList", "prices: []"),
        ("PriceList", "prices: [{provider: p, upstream: 'a*b'}]"),
        ("PriceList", "prices: [{provider: p, upstream: a, since: '2026-02-30'}]"),
        ("PriceList", "prices: [{provider: p, upstream: a, input: '0.1234567890123'}]"),
    ],
)
def test_amounts_and_days_are_written_exactly(tmp_path, kind, spec):
    with pytest.raises((AssertionError, Invalid)):
        stack_of(tmp_path, resource(kind, "x", spec))


def test_budgets_and_limits_are_compiled_with_their_tenant(tmp_path):
    state = live(
        stack_of(
            tmp_path,
            ACCOUNT,
            budget("{team: search, run: true}", tenant="acme"),
            budget("{service_account: ci}", "RateLimit"),
        )
    )

    (made,) = budgets_of(state, NOBODY_KNOWN)
    (limit,) = rate_limits_of(state, NOBODY_KNOWN)

    assert made.amount == 2_500_000_000
    assert made.scope == Scope(tenant="acme", run=True, labels=(("team", "search"),))
    assert limit.scope == Scope(principal="service-account:ci")


def test_nobody_has_the_name_of_a_person_whose_provider_is_unknown(tmp_path):
    state = live(stack_of(tmp_path, budget("{principal: user:company/1f2e}")))

    (made,) = budgets_of(state, NOBODY_KNOWN)

    assert made.scope.principal == "user:"
