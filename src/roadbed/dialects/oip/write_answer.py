"""Writes what callers of the Open Inference Protocol are answered."""

from collections.abc import Iterable
from typing import Any

from roadbed.dialects.oip.parse_request import InferRequest
from roadbed.dialects.oip.tensors import joined, shown
from roadbed.inference.call import Call
from roadbed.inference.snapshot import Deployment
from roadbed.inference.tensor import Tensor


def whole(call: Call, tensors: tuple[Tensor, ...]) -> tuple[bytes, str]:
    """Return the body with *tensors*, each in JSON or as bytes as it was asked for.

    Also returns how much of it is JSON, for the header; empty: all of it.
    """
    request = call.request
    assert isinstance(request, InferRequest)
    assert call.deployment is not None
    tail, outputs = [], []
    for tensor in tensors:
        as_bytes = request.binary.get(tensor.name, request.binary.get("", False))
        outputs.append(shown(tensor, as_bytes=as_bytes))
        if as_bytes:
            tail.append(tensor.data)
    document: dict[str, Any] = {
        "model_name": call.endpoint,
        "model_version": str(call.deployment.version.number),
        "parameters": {"roadbed_call": call.id},
        "outputs": outputs,
    }
    if request.request_id:
        document["id"] = request.request_id
    return joined(document, tail)


def model_document(deployment: Deployment, numbers: Iterable[int]) -> dict[str, Any]:
    """Return the metadata of one version that an endpoint serves, and the *numbers* of
    all."""
    facts = {"platform": "roadbed", "inputs": [], "outputs": []}
    return {
        "name": deployment.endpoint,
        "versions": [str(number) for number in numbers],
        **facts,
        **deployment.runner.metadata(),
    }
