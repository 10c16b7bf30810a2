"""OpenAI embeddings: numbers, or their bytes in base64."""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.openai import OpenAI
from roadbed.testing.upstream.speech import Said


class Embeddings(OpenAI):
    """`POST …/embeddings`: a vector of the length and the letters of each text."""

    name = "openai-embeddings"
    misshapen = '{"object": "list", "data": {"embedding": "?"}}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path of embeddings."""
        return path.split("?")[0].endswith("/embeddings")

    def streams(self, request: Received) -> bool:
        """Say that it never streams."""
        return False

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return all that is to be embedded."""
        return " ".join(str(one) for one in _inputs(asked))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of all texts."""
        return len(self.question(asked).split())

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return a list with one embedding for each input."""
        wide = int(said.asked.get("dimensions") or 4)
        text = said.asked.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": at, "embedding": _spelled(one, wide, text)}
            for at, one in enumerate(_inputs(said.asked))
        ]
        answer: dict[str, Any] = {"object": "list", "model": said.model, "data": data}
        if said.count:
            tokens = said.count.read
            answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return json.dumps(answer).encode(), {}


def _inputs(asked: Mapping[str, Any]) -> list[Any]:
    given = asked.get("input", "")
    several = isinstance(given, list) and given and not isinstance(given[0], int)
    return given if several else [given]


def _spelled(one: Any, wide: int, text: bool) -> Any:
    letters = str(one)
    vector = [float(len(letters)), *(float(ord(c) % 32) for c in letters[: wide - 1])]
    vector = (vector + [0.0] * wide)[:wide]
    if not text:
        return vector
    return base64.b64encode(struct.pack(f"<{wide}f", *vector)).decode()
