"""In which dialect an error is told at an address, also before its route is known."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from roadbed.core.errors import RoadbedError
from roadbed.dialects.anthropic.errors import body_of as anthropic_body
from roadbed.dialects.oip.errors import body_of as inference_body
from roadbed.dialects.openai.errors import body_of as openai_body

Spell = Callable[[RoadbedError], Mapping[str, Any]]
"""Returns the body, a JSON object, that tells of an error."""

MESSAGES = "/v1/messages"
_PLACES: tuple[tuple[str, Spell], ...] = (
    ("/v2", inference_body),
    (MESSAGES, anthropic_body),
)


def spelling_of(path: str, call_id: str = "") -> Spell:
    """Return how errors are spelt at *path*, as OpenAI does unless another speaks.

    Anthropic's errors hold the id of the request, which is *call_id*.
    """
    for prefix, spell in _PLACES:
        if is_under(prefix, path):
            if spell is anthropic_body and call_id:
                return partial(anthropic_body, request_id=call_id)
            return spell
    return openai_body


def is_under(prefix: str, path: str) -> bool:
    """Say whether *path* is *prefix*, or a part of it."""
    return path == prefix or path.startswith(f"{prefix}/")
