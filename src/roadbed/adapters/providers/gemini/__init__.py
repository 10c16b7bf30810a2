"""Google's Gemini API, with a key of AI Studio.

What the caller asked in another dialect is translated (`dialects/gemini/`). A version
pins parameters in Gemini's own words, most of them inside `generationConfig`.
"""

from collections.abc import Mapping
from typing import Any

from roadbed.adapters.providers.gemini.api import Gemini
from roadbed.adapters.providers.gemini.config import Config
from roadbed.adapters.providers.gemini.pinning import unpinned
from roadbed.dialects.gemini import WRITTEN
from roadbed.transport import question
from roadbed.transport.parameters import misplaced

provider = Gemini

PARAMETERS = frozenset(
    {
        "generationConfig", "safetySettings", "tools", "toolConfig", "cachedContent",
        "labels", "serviceTier", "store",
    }
)  # fmt: skip


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to Gemini, or None if it can."""
    return question.unfit(WRITTEN, definition) or misplaced(
        definition, PARAMETERS, "generationConfig"
    )


__all__ = ["Config", "Gemini", "provider", "unfit", "unpinned"]
