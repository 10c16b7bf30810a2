"""Anthropic's Messages API.

A caller of the same dialect has the fields forwarded as they were sent, and the answer
as it came; only `model` is replaced, the version's prompt put before the caller's
system prompt, and its parameters set. Others are translated (`dialects/anthropic/`).
"""

from collections.abc import Mapping
from typing import Any

from roadbed.adapters.providers.anthropic.config import Config
from roadbed.adapters.providers.anthropic.pinning import unpinned
from roadbed.adapters.providers.anthropic.runner import Anthropic
from roadbed.dialects.anthropic import WRITTEN
from roadbed.transport import question

provider = Anthropic


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to Anthropic, or None if it can."""
    return question.unfit(WRITTEN, definition)


__all__ = ["Anthropic", "Config", "provider", "unfit", "unpinned"]
