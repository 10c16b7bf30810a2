"""Writes what inference servers are asked in the Open Inference Protocol."""

from collections.abc import Mapping
from typing import Any

from roadbed.dialects.oip.tensors import joined, shown
from roadbed.inference.call import TensorRequest

_OURS = frozenset({"binary_data_output"})
"""How an answer is written is between the caller and us, or us and the server."""


def write(
    request: TensorRequest, pinned: Mapping[str, Any], *, binary: bool
) -> tuple[bytes, str]:
    """Return the body that asks for what *request* does, and how much of it is JSON.

    *pinned* parameters win over the caller's. With *binary*, tensors go and are to
    come back as bytes; the second value is for the header, empty: all of it is JSON.
    """
    theirs = {k: v for k, v in request.parameters.items() if k not in _OURS}
    parameters = {**theirs, **pinned}
    if binary:
        parameters["binary_data_output"] = True
    document: dict[str, Any] = {
        "inputs": [shown(tensor, as_bytes=binary) for tensor in request.inputs]
    }
    if request.outputs:
        document["outputs"] = [{"name": name} for name in request.outputs]
    if request.request_id:
        document["id"] = request.request_id
    if parameters:
        document["parameters"] = parameters
    return joined(document, [t.data for t in request.inputs] if binary else [])
