"""Errors as the Open Inference Protocol spells them."""

from typing import Any

from roadbed.core.errors import RoadbedError
from roadbed.dialects.errors import sentence_of


def body_of(error: RoadbedError) -> dict[str, Any]:
    """Return the body that tells of *error*: `{"error": "…"}`."""
    return {"error": sentence_of(error)}
