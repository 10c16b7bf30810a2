"""The Open Inference Protocol v2: read tensors, show tensors, JSON and binary."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import msgspec

from roadbed import __version__
from roadbed.core.errors import Invalid
from roadbed.dialects.fields import decode, read_fields, wrong
from roadbed.inference.call import Call, Chunk, TensorRequest
from roadbed.inference.snapshot import Deployment
from roadbed.inference.tensor import Tensor, from_bytes, from_values
from roadbed.server.answer import told
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange

DIALECT = "oip"
MAX_SIDES = 32
MAX_TENSORS = 1024
SERVER = {
    "name": "roadbed",
    "version": __version__,
    "extensions": ["binary_tensor_data"],
}

_JSON: Headers = ((b"content-type", b"application/json"),)
_REFUSED = ("shared_memory_region", "classification")

Side = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Shape = Annotated[list[Side], msgspec.Meta(max_length=MAX_SIDES)]


class _Input(msgspec.Struct):
    name: str
    datatype: str
    shape: Shape
    parameters: dict[str, Any] = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Request(msgspec.Struct):
    inputs: Annotated[list[_Input], msgspec.Meta(max_length=MAX_TENSORS)]
    outputs: Annotated[list[_Output], msgspec.Meta(max_length=MAX_TENSORS)] = []
    parameters: dict[str, Any] = {}
    id: str = ""


_REQUEST = msgspec.json.Decoder(_Request)
_ANY = msgspec.json.Decoder(Any)


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
    head, tail = _split(body, json_length)
    read_fields(head)
    asked = decode(_REQUEST, head, "the request")
    if not asked.inputs:
        raise wrong("inputs", "inputs is empty")
    _refuse_twice("inputs", [i.name for i in asked.inputs])
    _refuse_twice("outputs", [o.name for o in asked.outputs])
    for tensor in (*asked.inputs, *asked.outputs):
        _refuse_extensions(tensor.name, tensor.parameters)
    inputs = _inputs(asked.inputs, tail if json_length else None)
    return InferRequest(
        inputs=inputs,
        outputs=tuple(o.name for o in asked.outputs),
        parameters=asked.parameters,
        request_id=asked.id,
        binary=_binary_outputs(asked),
    )


async def answer(exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]) -> None:
    """Write the answer to *call* once the path has ended."""
    tensors: tuple[Tensor, ...] = ()
    async with aclosing(chunks):
        async for chunk in chunks:
            tensors = chunk.tensors or tensors
    reply = show(call, tensors)
    await exchange.reply(replace(reply, headers=(*reply.headers, *told(call))))


def show(call: Call, tensors: tuple[Tensor, ...]) -> Reply:
    """Return the answer with *tensors*, each in JSON or binary as it was asked for."""
    request = call.request
    assert isinstance(request, InferRequest)
    assert call.deployment is not None
    parts, outputs = [], []
    for tensor in tensors:
        as_bytes = request.binary.get(tensor.name, request.binary.get("", False))
        outputs.append(_output(tensor, as_bytes))
        if as_bytes:
            parts.append(tensor.data)
    document: dict[str, Any] = {
        "model_name": call.endpoint,
        "model_version": str(call.deployment.version.number),
        "parameters": {"roadbed_call": call.id},
        "outputs": outputs,
    }
    if request.request_id:
        document["id"] = request.request_id
    head = msgspec.json.encode(document)
    if not any("data" not in o for o in outputs):
        return Reply(status=200, headers=_JSON, body=head)
    headers = (
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", str(len(head)).encode()),
    )
    return Reply(status=200, headers=headers, body=b"".join((head, *parts)))


def model_document(deployment: Deployment) -> dict[str, Any]:
    """Return the metadata of what an endpoint serves."""
    facts = {"platform": "roadbed", "inputs": [], "outputs": []}
    return {
        "name": deployment.endpoint,
        "versions": [str(deployment.version.number)],
        **facts,
        **deployment.runner.metadata(),
    }


def _split(body: bytes, json_length: str) -> tuple[bytes, bytes]:
    if not json_length:
        return body, b""
    if not json_length.isascii() or not json_length.isdigit():
        raise Invalid("Inference-Header-Content-Length is not a number of bytes")
    length = int(json_length[:12])
    if length > len(body):
        raise Invalid(
            f"Inference-Header-Content-Length is {length}, but the body has "
            f"{len(body)} bytes",
            hint="a client that adds this header may have left an old one in a "
            "dictionary that you use for several requests",
        )
    if length == 0:
        raise Invalid(
            "raw binary requests are not accepted",
            hint="describe the inputs in JSON before their bytes",
        )
    return body[:length], body[length:]


def _inputs(asked: list[_Input], tail: bytes | None) -> tuple[Tensor, ...]:
    tensors, at = [], 0
    for given in asked:
        size = given.parameters.get("binary_data_size")
        if size is None:
            tensors.append(_from_json(given))
            continue
        _check_size(given, size, tail)
        assert tail is not None
        data = tail[at : at + size]
        if len(data) < size:
            raise wrong(
                given.name,
                f"input {given.name!r}: binary_data_size is {size}, but only "
                f"{len(data)} bytes are left",
            )
        at += size
        tensors.append(from_bytes(given.name, given.datatype, given.shape, data))
    if tail is not None and at != len(tail):
        raise Invalid(f"{len(tail) - at} bytes at the end belong to no input")
    return tuple(tensors)


def _check_size(given: _Input, size: Any, tail: bytes | None) -> None:
    if type(size) is not int or size < 0:
        raise wrong(
            given.name, f"input {given.name!r}: binary_data_size is a count of bytes"
        )
    if given.data is not msgspec.UNSET:
        raise wrong(given.name, f"input {given.name!r}: both data and binary_data_size")
    if tail is None:
        raise wrong(
            given.name,
            f"input {given.name!r}: binary_data_size without the header "
            "Inference-Header-Content-Length",
        )


def _from_json(given: _Input) -> Tensor:
    if given.data is msgspec.UNSET:
        raise wrong(given.name, f"input {given.name!r} has no data")
    values = decode(_ANY, given.data, f"the data of input {given.name!r}")
    return from_values(given.name, given.datatype, given.shape, values)


def _binary_outputs(asked: _Request) -> dict[str, bool]:
    """Return what each output, and `""` for the rest, was asked to be."""
    wanted = {"": bool(asked.parameters.get("binary_data_output", False))}
    for output in asked.outputs:
        if "binary_data" in output.parameters:
            wanted[output.name] = bool(output.parameters["binary_data"])
    return wanted


def _output(tensor: Tensor, as_bytes: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape,
    }
    if as_bytes:
        shown["parameters"] = {"binary_data_size": len(tensor.data)}
    else:
        shown["data"] = tensor.values()
    return shown


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
