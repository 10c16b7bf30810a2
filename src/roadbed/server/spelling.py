"""In which dialect an error is told at an address, also before its route is known."""

from collections.abc import Callable, Mapping
from typing import Any

from roadbed.core.errors import RoadbedError
from roadbed.dialects.oip.errors import body_of as inference_body
from roadbed.dialects.openai.errors import body_of as openai_body

Spell = Callable[[RoadbedError], Mapping[str, Any]]
"""Returns the body, a JSON object, that tells of an error."""

_PLACES: tuple[tuple[str, Spell], ...] = (("/v2", inference_body),)


def spelling_of(path: str) -> Spell:
    """Return how errors are spelt at *path*, as OpenAI does unless another speaks."""
    for prefix, spell in _PLACES:
        if path == prefix or path.startswith(f"{prefix}/"):
            return spell
    return openai_body
