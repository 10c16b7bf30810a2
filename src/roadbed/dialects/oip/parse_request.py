"""Reads what is asked in the Open Inference Protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from roadbed.dialects.fields import decode, read_fields, wrong
from roadbed.dialects.oip import tensors
from roadbed.dialects.oip.tensors import MAX_TENSORS, Wires
from roadbed.inference.call import TensorRequest

_REFUSED = ("shared_memory_region", "classification")


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Request(msgspec.Struct):
    inputs: Wires
    outputs: Annotated[list[_Output], msgspec.Meta(max_length=MAX_TENSORS)] = []
    parameters: dict[str, Any] = {}
    id: str = ""


_REQUEST = msgspec.json.Decoder(_Request)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest(TensorRequest):
    """A request that also says which outputs are wanted as bytes.

    The name `""` in `binary` stands for the outputs that are not named.
    """

    binary: Mapping[str, bool] = field(default_factory=dict)


def read(body: bytes, json_length: str = "") -> InferRequest:
    """Return the request in *body*; raise Invalid that names what is wrong.

    *json_length* is the header Inference-Header-Content-Length: the bytes after so
    many are the data of the inputs that say `binary_data_size`, in order.
    """
    head, tail = tensors.split(body, json_length)
    read_fields(head)
    asked = decode(_REQUEST, head, "the request")
    if not asked.inputs:
        raise wrong("inputs", "inputs is empty")
    _refuse_twice("inputs", [i.name for i in asked.inputs])
    _refuse_twice("outputs", [o.name for o in asked.outputs])
    for tensor in (*asked.inputs, *asked.outputs):
        _refuse_extensions(tensor.name, tensor.parameters)
    return InferRequest(
        inputs=tensors.read(asked.inputs, tail if json_length else None),
        outputs=tuple(o.name for o in asked.outputs),
        parameters=asked.parameters,
        request_id=asked.id,
        binary=_binary_outputs(asked),
    )


def _binary_outputs(asked: _Request) -> dict[str, bool]:
    """Return what each output, and `""` for the rest, was asked to be."""
    wanted = {"": bool(asked.parameters.get("binary_data_output", False))}
    for output in asked.outputs:
        if "binary_data" in output.parameters:
            wanted[output.name] = bool(output.parameters["binary_data"])
    return wanted


def _refuse_twice(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise wrong(what, f"{what}: {name[:80]!r} is given more than once")
        seen.add(name)


def _refuse_extensions(name: str, parameters: dict[str, Any]) -> None:
    for word in _REFUSED:
        if parameters.get(word):
            raise wrong(name, f"tensor {name[:80]!r}: {word} is not offered here")
