"""Amazon Bedrock, by its Converse API: signed requests, binary streams.

No client of AWS is on the path: botocore lends its signer and the decoder of the
event stream, and nothing else. What the caller asked is translated
(`dialects/bedrock/`). A version pins parameters in Converse's own words, most of them
inside `inferenceConfig`. Proved against an emulator only, which botocore's own client
understands, and which checks signatures by hand.
"""

from collections.abc import Mapping
from typing import Any

from roadbed.adapters.providers.bedrock.api import Bedrock
from roadbed.adapters.providers.bedrock.config import Config
from roadbed.adapters.providers.bedrock.pinning import unpinned
from roadbed.dialects.bedrock import WRITTEN
from roadbed.transport import question
from roadbed.transport.parameters import misplaced

provider = Bedrock

PARAMETERS = frozenset(
    {
        "inferenceConfig", "toolConfig", "guardrailConfig", "outputConfig",
        "additionalModelRequestFields", "additionalModelResponseFieldPaths",
        "promptVariables", "requestMetadata", "performanceConfig", "serviceTier",
    }
)  # fmt: skip


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to Bedrock, or None if it can."""
    return question.unfit(WRITTEN, definition) or misplaced(
        definition, PARAMETERS, "inferenceConfig"
    )


__all__ = ["Bedrock", "Config", "provider", "unfit", "unpinned"]
