"""Any server that speaks OpenAI chat completions: OpenAI's own, vLLM, Ollama, …

Where it has them too, it is asked for responses, embeddings and ranks of documents.

The dialect is the same in and out, so bytes are forwarded: what the caller sent goes
upstream as it was written, and what came back is in `Chunk.raw`. Only this differs:

- `model` is the upstream id that the version pins;
- the version's prompt, if it has one, is the first message;
- the version's parameters are set, **and win over the caller's**: a version answers
  by its pinned parameters, whoever asks;
- a stream always counts tokens; the extra event with the count is left out of the
  answer when the caller did not ask for it.
"""

from collections.abc import Mapping
from typing import Any

from roadbed.adapters.providers.openai.config import Config
from roadbed.adapters.providers.openai.pinning import unpinned
from roadbed.adapters.providers.openai.runner import ASKED, OpenAI
from roadbed.transport import question

provider = OpenAI


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to a chat API, or None if it can."""
    return question.unfit(ASKED, definition)


__all__ = ["Config", "OpenAI", "provider", "unfit", "unpinned"]
