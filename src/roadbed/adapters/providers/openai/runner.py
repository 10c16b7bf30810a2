"""The provider: one pool of connections for all its versions."""

from dataclasses import replace
from functools import partial

from roadbed.adapters.providers.openai.config import Config
from roadbed.core.errors import Invalid
from roadbed.dialects import responses
from roadbed.dialects.base import Written
from roadbed.dialects.embeddings.parse_answer import read_answer as read_vectors
from roadbed.dialects.openai import WRITTEN
from roadbed.dialects.rerank.parse_answer import read_answer as read_ranking
from roadbed.dialects.rerank.write_request import write as write_rerank
from roadbed.inference.call import Call
from roadbed.inference.chat import EmbedRequest, RerankRequest, raw_fields
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.counting import CountingRunner, Counts
from roadbed.transport.pool import Pool
from roadbed.transport.question import Question, checked
from roadbed.transport.runner import Api, HttpRunner, Plain

ASKED = replace(
    WRITTEN, reserved=WRITTEN.reserved | {"input", "query", "documents", "instructions"}
)
"""Chat completions, as a version is held to them: what callers ask, none may pin."""


_COUNTED = frozenset(
    {
        "conversation", "input", "instructions", "model", "parallel_tool_calls",
        "personality", "previous_response_id", "reasoning", "text", "tool_choice",
        "tools", "truncation",
    }
)  # fmt: skip
"""Fields of a request for a response that the counting of its tokens takes."""


class OpenAIApi(Api):
    """OpenAI's API, or one that is compatible with it."""

    platform = "openai"

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of chat completions, or of responses."""
        place = "responses" if written is responses.WRITTEN else "chat/completions"
        return f"{self.config.base_url}/{place}"

    def plain(self, call: Call, question: Question) -> Plain | None:
        """Return how texts are embedded, or documents ranked."""
        at, request = self.config.base_url, call.request
        if isinstance(request, EmbedRequest):
            body = question.fill(request.fields)
            return Plain(f"{at}/embeddings", body, partial(read_vectors, request))
        if isinstance(request, RerankRequest):
            body = question.fill(write_rerank(request))
            return Plain(f"{at}/rerank", body, partial(read_ranking, request))
        return None


class OpenAI:
    """An OpenAI-compatible API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._chat = OpenAIApi(config, WRITTEN)
        self._both = OpenAIApi(config, WRITTEN, responses.WRITTEN)
        url = f"{config.base_url}/responses/input_tokens"
        self._counts = Counts(responses.WRITTEN, url, _COUNTED.__contains__)

    def open(self, version: ModelVersion) -> HttpRunner:
        """Return a runner of *version*, without a word to the network.

        It counts tokens where the server speaks the Responses API. Raises Invalid for
        a definition that cannot be sent, and Unavailable if the key is not where its
        reference says.
        """
        checked(ASKED, version)
        self.pool.resolve()
        if (api := self._api(version)) is self._both:
            return CountingRunner(self.pool, api, version, self._counts)
        return HttpRunner(self.pool, api, version)

    def _api(self, version: ModelVersion) -> OpenAIApi:
        """Return the dialects in which *version* can be asked with all that it pins."""
        if not self.config.speaks_responses:
            return self._chat
        try:
            responses.WRITTEN.pins(raw_fields(version.body.get("parameters") or {}))
        except Invalid:
            return self._chat
        return self._both

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()
