"""Literal secrets are refused wherever they stand, and never shown."""

import pytest

from roadbed.control.load import read_stack
from tests.control.stacks import hosted, problems_of, resource, write

REFUSED = "a literal secret is refused (write a reference such as secret://env/OPENAI"
KEY = "sk-proj-abcdefghij1234567890"


def told(folder, *lines):
    """Return the problems of a hosted model with these lines, of which 9 is first."""
    return problems_of(write(folder, a=hosted(more="\n".join(lines))))


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ("{password: 12345678}", "password"),
        ("{password: 1.5}", "password"),
        ("{password: [hunter2]}", "password[0]"),
        ("{metadata: {password: {value: hunter2}}}", "metadata.password.value"),
        ("{properties: {password: hunter2}}", "properties.password"),
        (
            '{extra_headers: {Authorization: "Basic dXNlcjpwYXNzd29yZA=="}}',
            "extra_headers.Authorization",
        ),
        ('{X-Api-Key: "my secret phrase"}', "X-Api-Key"),
        ("{clientSecret: hunter2}", "clientSecret"),
        ("{db_password: hunter2}", "db_password"),
        ("{note: [a, 'password=hunter22222']}", "note[1]"),
        (f"{{{KEY}: 1}}", "****"),
        (f"{{a: {{'my {KEY}': {{b: 1}}}}}}", "a.****"),
    ],
)
def test_a_secret_among_the_parameters_is_refused(tmp_path, parameters, field):
    (said,) = told(tmp_path, f"parameters: {parameters}")

    assert said.startswith(f"a.yaml:9: spec.hosted.parameters.{field}: {REFUSED}")
    assert "hunter2" not in said
    assert KEY not in said


def test_a_secret_as_a_key_is_shown_by_no_other_problem(tmp_path):
    config = f"type: echo\nconfig: {{}}\n{KEY}: 1\n{KEY}: 2"
    write(tmp_path, a=resource("Provider", "p", config), b=f"{KEY}: 1\nkind: Model\n")

    said = "\n".join(problems_of(tmp_path))

    assert "a.yaml:7: spec.****: a literal secret is refused" in said
    assert KEY not in said


@pytest.mark.parametrize(
    "parameters",
    [
        "{max_tokens: 512, logprobs: true, stop_token: 2, token_count: 5}",
        "{password: null, secret: false, token: ''}",
        "{password: <your password>, token: 'secret://env/TOKEN'}",
        "{note: the password is never asked for}",
        "{properties: {password: {type: string, description: A new one}}}",
    ],
)
def test_what_is_no_secret_passes(tmp_path, parameters):
    assert told(tmp_path, f"parameters: {parameters}") == []


@pytest.mark.parametrize(
    "prompt",
    [
        "Use aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Log in with password=hunter22222",
    ],
)
def test_a_secret_in_a_prompt_is_refused(tmp_path, prompt):
    (said,) = told(tmp_path, f"prompt: {prompt}")

    assert said.startswith(f"a.yaml:9: spec.hosted.prompt: {REFUSED}")
    assert prompt.split("=")[1] not in said


def test_a_prompt_may_speak_of_passwords(tmp_path):
    prompt = "prompt: Never ask for a password; keys are secret://… references."

    assert told(tmp_path, prompt) == []


def test_a_secret_in_a_document_is_refused_at_its_line(tmp_path):
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    page = f"# Keys\n\n{KEY}\n\n-----BEGIN RSA PRIVATE KEY-----\nMII\n"
    (tmp_path / "docs" / "deep" / "keys.md").write_text(page)
    (tmp_path / "docs" / "fine.md").write_text("There is no default password.\n")

    said = told(tmp_path, "context: {documents: ./docs}")

    assert [text.split(" (")[0] for text in said] == [
        "docs/deep/keys.md:3: a literal secret is refused",
        "docs/deep/keys.md:5: a literal secret is refused",
    ]
    assert not read_stack(tmp_path)[0].resources


def test_a_page_full_of_secrets_is_told_twenty_times(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "keys.md").write_text(f"{KEY} {KEY}\n" * 100)

    said = told(tmp_path, "context: {documents: ./docs}")

    assert len(said) == 20
    assert said[-1].startswith("docs/keys.md:20: ")


def test_a_secret_in_a_policy_is_refused_at_its_line(tmp_path):
    (tmp_path / "a.cedar").write_text(f"// mine\n// {KEY}\npermit (a, b, c);\n")

    (said,) = problems_of(tmp_path)

    assert said.startswith(f"a.cedar:2: {REFUSED}")
