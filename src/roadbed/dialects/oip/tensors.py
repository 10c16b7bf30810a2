"""Arrays on the wire: `data` in JSON, or bytes that follow it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import decode, wrong
from roadbed.dialects.oip import LENGTH
from roadbed.inference.tensor import Tensor, from_bytes, from_values

MAX_SIDES = 32
MAX_TENSORS = 1024

Side = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Shape = Annotated[list[Side], msgspec.Meta(max_length=MAX_SIDES)]

_ANY = msgspec.json.Decoder(Any)


class Wire(msgspec.Struct):
    """A tensor as it is described in JSON."""

    name: str
    datatype: str
    shape: Shape
    parameters: dict[str, Any] = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


Wires = Annotated[list[Wire], msgspec.Meta(max_length=MAX_TENSORS)]


def split(body: bytes, json_length: str) -> tuple[bytes, bytes]:
    """Return the JSON of *body* and the bytes behind it; raise Invalid.

    *json_length* is the header `LENGTH`, empty if there was none.
    """
    if not json_length:
        return body, b""
    if not json_length.isascii() or not json_length.isdigit():
        raise Invalid(f"{LENGTH} is not a number of bytes")
    length = int(json_length[:12])
    if length > len(body):
        raise Invalid(
            f"{LENGTH} is {length}, but the body has {len(body)} bytes",
            hint="a client that adds this header may have left an old one in a "
            "dictionary that you use for several requests",
        )
    if length == 0:
        raise Invalid(
            "raw binary requests are not accepted",
            hint="describe the inputs in JSON before their bytes",
        )
    return body[:length], body[length:]


def read(given: Sequence[Wire], tail: bytes | None) -> tuple[Tensor, ...]:
    """Return the tensors that *given* describes; raise Invalid naming what is wrong.

    *tail* are the bytes behind the JSON, in order; None if there can be none.
    """
    tensors, at = [], 0
    for each in given:
        size = each.parameters.get("binary_data_size")
        if size is None:
            tensors.append(_from_json(each))
            continue
        _check_size(each, size, tail)
        assert tail is not None
        data = tail[at : at + size]
        if len(data) < size:
            raise wrong(
                each.name,
                f"input {each.name!r}: binary_data_size is {size}, but only "
                f"{len(data)} bytes are left",
            )
        at += size
        tensors.append(from_bytes(each.name, each.datatype, each.shape, data))
    if tail is not None and at != len(tail):
        raise Invalid(f"{len(tail) - at} bytes at the end belong to no input")
    return tuple(tensors)


def shown(tensor: Tensor, *, as_bytes: bool) -> dict[str, Any]:
    """Return *tensor* as JSON describes it; its bytes, if any, are to follow."""
    told: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape,
    }
    if as_bytes:
        told["parameters"] = {"binary_data_size": len(tensor.data)}
    else:
        told["data"] = tensor.values()
    return told


def joined(document: Mapping[str, Any], tail: Sequence[bytes]) -> tuple[bytes, str]:
    """Return a body of *document* and *tail*, and what `LENGTH` says; empty: nothing.

    Without a tail it is plain JSON.
    """
    head = msgspec.json.encode(document)
    if not tail:
        return head, ""
    return b"".join((head, *tail)), str(len(head))


def _check_size(given: Wire, size: Any, tail: bytes | None) -> None:
    if type(size) is not int or size < 0:
        raise wrong(
            given.name, f"input {given.name!r}: binary_data_size is a count of bytes"
        )
    if given.data is not msgspec.UNSET:
        raise wrong(given.name, f"input {given.name!r}: both data and binary_data_size")
    if tail is None:
        raise wrong(
            given.name,
            f"input {given.name!r}: binary_data_size without the header {LENGTH}",
        )


def _from_json(given: Wire) -> Tensor:
    if given.data is msgspec.UNSET:
        raise wrong(given.name, f"input {given.name!r} has no data")
    values = decode(_ANY, given.data, f"the data of input {given.name!r}")
    return from_values(given.name, given.datatype, given.shape, values)
