"""Which tests of which client are run, and which of them we do not mean to pass."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suite:
    """Tests of a client's own. `excluded` maps a part of a name to the reason."""

    package: str
    file: str
    excluded: dict[str, str] = field(default_factory=dict)

    @property
    def name(self):
        return f"{self.package}: {self.file.removesuffix('.py')}"

    @property
    def path(self):
        return f"tests/api_resources/{self.file}"


STORED = "answers are kept in the call log, and not served back under this address"
STRICT = "the client validates base64 as a list of numbers: fails with any server"
OPTIONS = "it sends stream_options without a stream, which OpenAI refuses as well"
BEHIND = "it asks for `background`: answers are not kept to be fetched later"
CREATE = {
    "retrieve": STORED,
    "update": STORED,
    "list": STORED,
    "delete": STORED,
    "cancel": STORED,
    "compact": STORED,
}
SUITES = (
    Suite(
        "openai",
        "chat/test_completions.py",
        {**CREATE, "create_with_all_params_overload_1": OPTIONS},
    ),
    Suite(
        "openai",
        "test_responses.py",
        {**CREATE, "create_with_all_params": BEHIND},
    ),
    Suite("openai", "responses/test_input_tokens.py"),
    Suite("openai", "test_embeddings.py", {"strict": STRICT, "aiohttp": STRICT}),
    Suite(
        "openai",
        "test_models.py",
        {"delete": "endpoints are deleted in Git, by whoever may apply"},
    ),
    Suite("anthropic", "test_messages.py"),
    Suite("anthropic", "beta/test_messages.py"),
)
OURS = {
    "openai SDK, our tests": ("tests/server/test_chat.py",),
    "openai SDK and openresponses-types, our tests": (
        "tests/server/test_responses.py",
        "tests/dialects/responses",
    ),
    "anthropic SDK, our tests": ("tests/server/test_messages.py",),
    "tritonclient, our tests": ("tests/server/test_infer.py",),
    "google-genai SDK, our Gemini upstream": (
        "tests/testing/test_upstream_dialects.py",
        "tests/adapters/providers/test_gemini.py",
    ),
}
"""Tests of this repository whose clients are the official ones."""
PINNED = ("langchain-openai==1.7.4", "langchain-tests==1.1.9", "litellm==1.109.1")
"""What is installed beside Roadbed for its examiners, and never in its lock."""
GUESTS = {
    "langchain-openai: langchain-tests": "examine_langchain.py",
    "litellm: our cases": "examine_litellm.py",
}
"""Files in `guests/`, which the clients of others run in an environment of theirs."""
NOT_OURS = {
    "google-genai SDK, our server": "Gemini's API is not a dialect of ours: what is "
    "asked of Roadbed is asked in OpenAI's, Anthropic's or Open Inference's; its own "
    "tests replay recordings and take no base URL",
    "anthropic: test_models": "`GET /v1/models` lists endpoints in OpenAI's form",
    "openai: test_client": "it intercepts HTTP inside the client, and asks no server",
}
"""Clients that cannot examine the server, and why."""
CONFTEST = """
import os
import pytest
import {package}

TOLD = {{"base_url": os.environ["TEST_API_BASE_URL"], "api_key": "k", "max_retries": 0}}

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="session")
def client(request):
    strict = getattr(request, "param", True)
    with {package}.{made}(**TOLD, _strict_response_validation=strict) as made:
        yield made

@pytest.fixture(scope="session")
async def async_client(request, anyio_backend):
    strict = getattr(request, "param", True)
    if not isinstance(strict, bool):
        strict = strict.get("strict", True)
    client = {package}.Async{made}(**TOLD, _strict_response_validation=strict)
    async with client as made:
        yield made
"""
"""Takes the place of the suite's own: the same clients, without its other tools."""
INI = "[pytest]\nanyio_mode = auto\n"
GUESTS_INI = """
[pytest]
asyncio_mode = auto
asyncio_default_test_loop_scope = session
asyncio_default_fixture_loop_scope = session
"""
"""Clients that keep their connections need one event loop for all tests."""
