"""Which tests of which client are run, and which of them we do not mean to pass."""

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Suite:
    """Tests of a client's own. `excluded` maps a part of a name to the reason."""

    package: str
    files: tuple[str, ...]
    excluded: dict[str, str]
    needs: tuple[str, ...] = ()

    @property
    def name(self):
        return f"{self.package}: {self.files[0].removeprefix('tests/api_resources/')}"

    def missing(self):
        """Return the modules of ours that are not here yet."""
        return [need for need in self.needs if not find_spec(f"roadbed.{need}")]


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
        ("tests/api_resources/chat/test_completions.py",),
        {**CREATE, "create_with_all_params_overload_1": OPTIONS},
    ),
    Suite(
        "openai",
        ("tests/api_resources/test_responses.py",),
        {**CREATE, "create_with_all_params": BEHIND},
        ("dialects.responses",),
    ),
    Suite(
        "openai",
        ("tests/api_resources/test_embeddings.py",),
        {"strict": STRICT},
        ("dialects.embeddings",),
    ),
    Suite(
        "openai",
        ("tests/api_resources/test_models.py",),
        {"delete": "endpoints are deleted in Git, by whoever may apply"},
    ),
    Suite(
        "anthropic",
        ("tests/api_resources/test_messages.py",),
        {},
        ("dialects.anthropic", "adapters.providers.anthropic"),
    ),
)
OURS = {
    "openai SDK, our tests": ("tests/server/test_chat.py",),
    "tritonclient, our tests": ("tests/server/test_infer.py",),
    "anthropic SDK, our tests": ("tests/server/test_messages.py",),
    "openai SDK and openresponses-types, our tests": (
        "tests/server/test_responses.py",
        "tests/dialects/responses",
    ),
}
"""Tests of this repository whose clients are the official ones."""
CONFTEST = """
import os
import pytest
import {package}

@pytest.fixture(scope="session")
def client(request):
    strict = getattr(request, "param", True)
    with {package}.{made}(
        base_url=os.environ["TEST_API_BASE_URL"],
        api_key="none",
        max_retries=0,
        _strict_response_validation=strict,
    ) as made:
        yield made
"""
"""Takes the place of the suite's own: the same client, without its other tools."""
