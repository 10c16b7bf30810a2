"""Azure OpenAI: OpenAI's dialect at addresses of your own.

As with `openai`, a caller of the dialect has bytes forwarded; the version's `upstream`
is the name of a deployment. A stream here may begin with events that say nothing, and
then fail inside its 200; those are held back until the first word, so that such a
failure can still be answered by another provider. Proved against an emulator only.
"""

from collections.abc import Mapping
from typing import Any

from roadbed.adapters.providers.azure.api import Azure
from roadbed.adapters.providers.azure.config import Config
from roadbed.adapters.providers.azure.pinning import unpinned
from roadbed.dialects.openai import WRITTEN
from roadbed.transport import question

provider = Azure


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to a chat API, or None if it can."""
    return question.unfit(WRITTEN, definition)


__all__ = ["Azure", "Config", "provider", "unfit", "unpinned"]
