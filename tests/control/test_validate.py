"""What a stack must be: each refusal with file, line and what to do."""

import pytest

from roadbed.app import Installed
from roadbed.control.load import load_stack, read_stack
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

TRAINED = resource("Model", "m", "owner: team\ntrained: {provider: echo}")


def told(folder, *resources, state=None, policy=""):
    """Return the problems of a stack of these resources, as they are printed."""
    if policy:
        (folder / "policies").mkdir()
        (folder / "policies" / "mine.cedar").write_text(policy)
    stack = stack_of(folder, OPERATOR, *resources)
    return [str(p) for p in check(stack, state or State(), FakeCatalog())]


def test_a_sound_stack_has_no_problem(tmp_path):
    assert told(tmp_path, ECHO, hosted(), endpoint(), TRAINED) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("type: ecko", "spec.type: no provider is called 'ecko' (did you mean echo?)"),
        (
            "type: echo\nconfig: {perfix: a}",
            "spec.config.perfix: unknown field (did yo",
        ),
        (
            "type: echo\nconfig: {delay_s: -1}",
            "spec.config.delay_s: must be at least 0",
        ),
        (
            "type: echo\nconfig: {prefix: []}",
            "spec.config.prefix: must be text, not a ",
        ),
    ],
)
def test_a_provider_is_of_a_known_type_with_known_settings(tmp_path, spec, problem):
    (said,) = told(tmp_path, resource("Provider", "p", spec))

    line = 11 if "type: ecko" in spec else 12
    assert said.startswith(f"stack.yaml:{line}: {problem}")


def test_a_wrong_config_is_told_once_also_behind_a_production_endpoint(tmp_path):
    echo = resource("Provider", "echo", "type: echo\nconfig: {delay_s: soon}")

    (said,) = told(tmp_path, echo, hosted(), endpoint())

    assert "spec.config.delay_s: must be a number, not text" in said


def test_a_literal_secret_in_a_config_is_told_once(tmp_path):
    config = "type: echo\nconfig: {api_key: not-a-reference}"
    stack, problems = read_stack(write(tmp_path, a=resource("Provider", "p", config)))

    assert [p.field for p in problems] == ["spec.config.api_key"]
    assert stack.declares("Provider", "p")


def test_a_model_needs_a_declared_provider(tmp_path):
    assert told(tmp_path, ECHO, hosted().replace(": echo", ": ecco")) == [
        "stack.yaml:19: spec.hosted.provider: there is no provider 'ecco' "
        "(did you mean echo?)"
    ]


def test_an_endpoint_needs_a_declared_model(tmp_path):
    assert told(tmp_path, endpoint()) == [
        "stack.yaml:11: spec.model: there is no model 'bot' "
        "(declare a Model of this name)"
    ]


def test_a_pin_is_a_version_that_exists_or_will(tmp_path):
    assert told(tmp_path, ECHO, hosted(), endpoint(model="bot@2")) == [
        "stack.yaml:26: spec.model: bot@2 does not exist "
        "(there is bot@1 (made by this plan))"
    ]


def test_an_endpoint_may_pin_what_the_same_plan_makes(tmp_path):
    before = live(stack_of(tmp_path, OPERATOR, ECHO, hosted()))
    changed = hosted(upstream="echo-2")

    assert told(tmp_path, ECHO, changed, endpoint(model="bot@2"), state=before) == []


def test_a_trained_model_needs_a_run_first(tmp_path):
    (said,) = told(tmp_path, ECHO, TRAINED, endpoint(model="m@1"))

    assert "m@1 does not exist (a run registers the first version" in said


def test_retiring_what_is_referred_to_is_refused(tmp_path):
    before = live(stack_of(tmp_path, OPERATOR, ECHO, hosted(), endpoint()))

    assert told(tmp_path, ECHO, endpoint(), state=before) == [
        "stack.yaml:17: spec.model: there is no model 'bot' "
        "(this plan would retire the model; keep it, or drop this too)"
    ]


def test_the_provider_of_a_pinned_older_version_stays(tmp_path):
    before = live(stack_of(tmp_path, OPERATOR, ECHO, hosted(), endpoint()))
    other = ECHO.replace("name: echo", "name: other")
    moved = hosted().replace("provider: echo", "provider: other")

    assert told(tmp_path, other, moved, endpoint(), state=before) == [
        "stack.yaml:26: spec.model: bot@1 runs on the provider 'echo', which is not "
        "declared (keep that provider, or pin a version that runs elsewhere)"
    ]


def test_production_refuses_a_floating_upstream(tmp_path):
    assert told(tmp_path, ECHO, hosted(upstream="echo-latest"), endpoint()) == [
        "stack.yaml:20: spec.hosted.upstream: 'echo-latest' is not pinned, and "
        "endpoint bot is in production (write a name with a number, such as echo-1)"
    ]


def test_an_older_floating_version_is_refused_where_it_is_pinned(tmp_path):
    before = live(stack_of(tmp_path, OPERATOR, ECHO, hosted(upstream="echo-latest")))

    (said,) = told(tmp_path, ECHO, hosted(), endpoint(), state=before)

    assert said.startswith("stack.yaml:26: spec.model: 'echo-latest' is not pinned")


def test_development_may_float(tmp_path):
    loose = endpoint(more="stage: development")

    assert told(tmp_path, ECHO, hosted(upstream="echo-latest"), loose) == []


@pytest.mark.parametrize(
    ("purpose", "problem"),
    [
        ("scoring", "bot prohibits the purpose 'scoring' (bot is meant for support)"),
        (
            "jokes",
            "bot is not meant for the purpose 'jokes' (bot is meant for support)",
        ),
    ],
)
def test_an_endpoint_keeps_to_the_purposes_of_its_model(tmp_path, purpose, problem):
    model = hosted() + "  purposes: [support]\n  prohibited_purposes: [scoring]\n"

    (said,) = told(tmp_path, ECHO, model, endpoint(more=f"purpose: {purpose}"))

    assert said == f"stack.yaml:29: spec.purpose: {problem}"


def test_a_broken_policy_is_named_with_its_line(tmp_path):
    (said,) = told(tmp_path, policy="// mine\n\npermit (principal, action, resource;\n")

    assert said.startswith("policies/mine.cedar:3: ")
    assert "Error" not in said


def test_a_policy_that_locks_everybody_out_is_refused(tmp_path):
    policy = 'forbid (principal, action == Action::"stack.apply", resource);'

    (said,) = told(tmp_path, policy=policy)

    assert said.startswith("stack.yaml:1: nobody would be left who may stack.apply (ke")


def test_whoever_is_left_needs_a_key(tmp_path):
    stack = stack_of(tmp_path, OPERATOR.replace("name: operator", "name: other"))

    said = [
        [p.message for p in check(stack, State(keyed=keyed), FakeCatalog())]
        for keyed in (frozenset({"operator"}), frozenset({"other"}), frozenset())
    ]

    assert said == [
        ["nobody who holds a key would be left who may apply or make keys"],
        [],
        [],
    ]


def test_a_stack_without_an_operator_is_refused(tmp_path):
    stack = load_stack(write(tmp_path, a=ECHO))

    said = [p.message for p in check(stack, State(), FakeCatalog())]

    assert said == [
        "nobody would be left who may stack.apply",
        "nobody would be left who may key.create",
    ]


def test_whoever_refers_to_a_broken_resource_is_not_blamed(tmp_path):
    broken = hosted().replace("upstream: echo-1", "upstraem: echo-1")
    text = "---\n".join([OPERATOR, ECHO, broken, endpoint()])
    stack, problems = read_stack(write(tmp_path, stack=text))

    assert len(problems) == 2
    assert check(stack, State(), FakeCatalog()) == []


def test_a_definition_that_its_provider_cannot_serve_is_refused(tmp_path):
    assert told(tmp_path, ECHO, hosted(more="parameters: {voice: alto}")) == [
        "stack.yaml:18: spec.hosted: provider echo cannot serve bot "
        "(an echo has no voice of its own; remove it)"
    ]


def test_an_older_version_that_cannot_be_served_is_refused_where_it_is_pinned(tmp_path):
    loud = hosted(more="parameters: {voice: alto}")
    before = live(stack_of(tmp_path, OPERATOR, ECHO, loud))

    (said,) = told(tmp_path, ECHO, hosted(), endpoint(), state=before)

    assert said.startswith(
        "stack.yaml:26: spec.model: provider echo cannot serve bot@1"
    )


def test_a_wrong_provider_is_not_asked_what_it_can_serve(tmp_path):
    echo = resource("Provider", "echo", "type: echo\nconfig: {delay_s: soon}")

    said = told(tmp_path, echo, hosted(more="parameters: {voice: alto}"))

    assert [text for text in said if "cannot serve" in text] == []


SEARCH = "upstream: extractive-1\n  context: {documents: ./pages}"
CHAT = "upstream: gpt-4o-2024-08-06"


@pytest.mark.parametrize(
    ("kind", "model", "reason"),
    [
        ("extractive", f"hosted:\n  provider: p\n  {SEARCH}", ""),
        (
            "extractive",
            f"hosted:\n  provider: p\n  {SEARCH}\n  prompt: Be kind.",
            "prompt",
        ),
        (
            "extractive",
            f"hosted:\n  provider: p\n  {SEARCH}\n  parameters: {{seed: 1}}",
            "no parameters",
        ),
        (
            "extractive",
            "hosted:\n  provider: p\n  upstream: extractive-1",
            "there are no documents",
        ),
        (
            "extractive",
            "hosted: {provider: p, upstream: extractive-1, context: {documents: img}}",
            "'logo.png' is not UTF-8 text",
        ),
        (
            "extractive",
            "hosted: {provider: p, upstream: latest, context: {documents: pages}}",
            "write `upstream: extractive-1`",
        ),
        ("extractive", "trained: {provider: p}", "is not trained"),
        ("openai", f"hosted:\n  provider: p\n  {CHAT}\n  parameters: {{seed: 1}}", ""),
        (
            "openai",
            f"hosted:\n  provider: p\n  {CHAT}\n  parameters: {{model: gpt-5}}",
            "pins the parameter 'model'",
        ),
        (
            "openai",
            f"hosted:\n  provider: p\n  {CHAT}\n  context: {{documents: pages}}",
            "documents would never be sent",
        ),
        ("openai", "trained: {provider: p}", "not run here"),
        ("onnx", "trained: {provider: p}", ""),
        ("onnx", f"hosted:\n  provider: p\n  {CHAT}", "no trained model"),
    ],
)
def test_what_is_installed_knows_what_it_cannot_serve(tmp_path, kind, model, reason):
    for name, data in (("pages/a.md", b"# A"), ("img/logo.png", b"\x89PNG\xff")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    provider = resource("Provider", "p", f"type: {kind}")
    more = [endpoint(model="m@1")] if model.startswith("hosted") else []
    declared = resource("Model", "m", f"owner: team\n{model}")
    stack = stack_of(tmp_path, OPERATOR, provider, declared, *more)

    said = [str(p) for p in check(stack, State(), Installed(blobs=None, secrets=None))]

    place = f"stack.yaml:18: spec.{model.partition(':')[0]}: provider p cannot serve m"
    assert len(said) == bool(reason)
    assert all(text.startswith(place) and reason in text for text in said)


TENSORS = "{type: oip, config: {base_url: 'https://models.example.com'}}"
NO_FILE = f"'sha256:{'0' * 64}'"


@pytest.mark.parametrize(
    ("provider", "upstream", "reason"),
    [
        ("type: openai", "gpt-4o", "has no date"),
        ("type: openai", "gpt-4o-2024-08-06", ""),
        (TENSORS, "fraud", "leaves the version to the server"),
        (TENSORS, "fraud@latest", "is no number"),
        (TENSORS, "fraud@3", ""),
        ("{type: replay, config: {calls: x}}", "gpt-4o-2024-08-06", "set `digest`"),
        (f"{{type: replay, config: {{calls: x, digest: {NO_FILE}}}}}", "gpt-4o", ""),
    ],
)
@pytest.mark.parametrize("stage", ["production", "development"])
def test_what_floats_is_refused_in_production_by_whoever_provides_it(
    tmp_path, stage, provider, upstream, reason
):
    hosted = f"{{owner: team, hosted: {{provider: p, upstream: {upstream}}}}}"
    stack = stack_of(
        tmp_path,
        OPERATOR,
        resource("Provider", "p", provider),
        resource("Model", "m", hosted),
        resource("Endpoint", "e", f"{{model: m@1, stage: {stage}}}"),
    )

    said = [str(p) for p in check(stack, State(), Installed(blobs=None, secrets=None))]

    assert len(said) == (bool(reason) and stage == "production")
    assert all(reason in text for text in said)
