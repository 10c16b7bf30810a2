"""Which dialect a path belongs to, and what is read at a path."""

import re
from typing import Any

from roadbed.testing.upstream.anthropic import Anthropic, CountTokens
from roadbed.testing.upstream.bedrock import Bedrock
from roadbed.testing.upstream.embeddings import Embeddings
from roadbed.testing.upstream.gemini import Gemini
from roadbed.testing.upstream.oip import METADATA, Oip
from roadbed.testing.upstream.openai import OpenAI
from roadbed.testing.upstream.responses import CountInput, Responses
from roadbed.testing.upstream.speech import Speech

SPEECHES: tuple[Speech, ...] = (
    OpenAI(),
    Responses(),
    CountInput(),
    Embeddings(),
    Anthropic(),
    CountTokens(),
    Gemini(),
    Bedrock(),
    Oip(),
)
"""Every dialect that the upstream speaks."""


def speech_at(path: str) -> Speech:
    """Return the dialect of *path*, that of chat completions for any other."""
    return next((speech for speech in SPEECHES if speech.hears(path)), SPEECHES[0])


def read_at(path: str) -> dict[str, Any]:
    """Return what a GET of *path* is answered."""
    if re.search(r"/v2/models/[^/]+$", path):
        return {**METADATA, "name": path.rpartition("/")[2]}
    if re.search(r"/v2(/models/[^/]+(/versions/[^/]+)?/ready|/health/\w+)?$", path):
        return {"name": "example", "version": "1", "extensions": [], "ready": True}
    return {"object": "list", "data": [{"id": "example", "object": "model"}]}
