"""The Open Inference Protocol, version 2: a model that returns what it is given."""

import json
import re
from collections.abc import Mapping
from typing import Any

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.speech import Said, Speech

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/[^/]+)?/infer(\?|$)")
_SIZE = "inference-header-content-length"
METADATA: Mapping[str, Any] = {
    "name": "example",
    "versions": ["1"],
    "platform": "example",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
}


class Oip(Speech):
    """`POST /v2/models/{model}/infer`: the output `y` is the input `x`."""

    name = "oip"
    misshapen = '{"outputs": {"name": 1}}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path of an inference."""
        return _PATH.search(path) is not None

    def streams(self, request: Received) -> bool:
        """Say that it never streams."""
        return False

    def model(self, request: Received) -> str:
        """Return the model in the path."""
        found = _PATH.search(request.path)
        return found[1] if found else ""

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return nothing: tensors have no words."""
        return ""

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return `y`, as JSON or as bytes, whichever `x` came in and was asked for."""
        head = int(request.headers.get(_SIZE, len(request.body)))
        asked, rest = json.loads(request.body[:head]), request.body[head:]
        given = asked["inputs"][0]
        output = {n: given[n] for n in ("datatype", "shape")} | {"name": "y"}
        answer: dict[str, Any] = {"model_name": said.model, "model_version": "1"}
        answer |= {"id": asked["id"]} if "id" in asked else {}
        if "data" in given:
            output["data"] = given["data"]
            return json.dumps(answer | {"outputs": [output]}).encode(), {}
        size = given["parameters"]["binary_data_size"]
        output["parameters"] = {"binary_data_size": size}
        told = json.dumps(answer | {"outputs": [output]}).encode()
        kind = {_SIZE: str(len(told)), "content-type": "application/octet-stream"}
        return told + rest[:size], kind

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return `{"error": "…"}`."""
        return json.dumps({"error": sentence}).encode(), {}
