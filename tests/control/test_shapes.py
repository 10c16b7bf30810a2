"""What has the shape of a secret, and what only speaks of one."""

import time

import pytest

from roadbed.control.shapes import is_placeholder, is_secret, secrets_in

BODY = "a1B2" * 10
SECRETS = [
    f"sk-proj-{BODY}",
    f"the key is sk-ant-api03-{BODY}, keep it",
    f"sk_live_{BODY}",
    f"rbk_{BODY}",
    "AKIA" + "ABCD1234" * 2,
    f"ghp_{BODY}",
    f"AIza{BODY}",
    f"eyJ{BODY}.eyJ{BODY}.{BODY}",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    f"Authorization: Bearer {BODY}",
    "send Basic dXNlcjpwYXNzd29yZA== with it",
    "postgresql://roadbed:hunter2@localhost/db",
    "redis://:hunter2@localhost",
    f"aws_secret_access_key=wJalr/{BODY}",
    "password=hunter22222",
    "password=hunter2",
    "the password: hunter22222, as ever",
    'DB_PASSWORD="hunter22222"',
    "{'apiKey': '12345678'}",
    "**API key:** `abcd-1234-efgh`",
]
WORDS = [
    "There is no default password and no master key.",
    "The password: choose a strong one, and never share it.",
    "Token: a piece of a word.",
    "The default token: gpt-4o's",
    "secret://env/OPENAI_API_KEY",
    "api_key: secret://file/openai-key-2024",
    "secret://file/key-2024",
    "secret://vault/kv/prod2/openai#api_key",
    "password: <your password>",
    "password=${DB_PASSWORD_2}",
    "password: $DB_PASSWORD_2",
    "https://user:<password>@example.org",
    "postgresql://user:password@localhost/db",
    "https://example.org:8443/users/@me",
    'api_key=os.environ["OPENAI_API_KEY_2"]',
    "token = load_token_v22(path)",
    "token = settings.first2.token",
    "password: /run/secrets/db1/password",
    "max_tokens=1048576",
    "sk-learn-based-classification",
    "a desk-2024-overview-of-everything",
    "Basic authentication, with a Bearer authorization-header",
    "token 5 of 12345678",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_known_by_its_shape(text):
    assert is_secret(text)


@pytest.mark.parametrize("text", WORDS)
def test_what_only_speaks_of_secrets_is_none(text):
    assert not is_secret(text)


def test_each_secret_is_found_where_it_begins():
    text = f"one\ntwo password=hunter22222\nthree ghp_{BODY}"

    found = sorted(secrets_in(text))

    assert [text[at:].split()[0] for at in found] == [
        "password=hunter22222",
        f"ghp_{BODY}",
    ]


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("", True),
        ("secret://env/KEY", True),
        ("Bearer secret://env/KEY", True),
        ("Bearer ${TOKEN}", True),
        ("<your key>", True),
        ("****", True),
        ("your-api-key", True),
        ("my secret phrase", False),
        ("secret://env/KEY and more", False),
        ("Bearer abc", False),
        ("$hunter2", False),
        ("hunter2", False),
    ],
)
def test_a_placeholder_holds_nothing(text, empty):
    assert is_placeholder(text) == empty


@pytest.mark.parametrize("piece", ["sk-", "eyJ-", "://", "a", "password:", "basic "])
def test_no_text_takes_long_to_look_through(piece):
    text = piece * (300_000 // len(piece))
    start = time.process_time()

    assert not list(secrets_in(text))
    assert time.process_time() - start < 5
