"""What an ONNX file holds, read without running it.

A model file may name other files to load weights from; such a file would serve
bytes that no digest covers. This reads just enough of the format (protocol
buffers: a tree of numbered fields) to find that out.
"""

from collections.abc import Iterator
from mmap import mmap
from typing import Any

from roadbed.core.errors import Invalid

_TENSOR: dict[int, Any] = {}
_SPARSE: dict[int, Any] = {1: _TENSOR, 2: _TENSOR}
_GRAPH: dict[int, Any] = {}
_ATTRIBUTE = {
    5: _TENSOR,
    6: _GRAPH,
    10: _TENSOR,
    11: _GRAPH,
    22: _SPARSE,
    23: _SPARSE,
}
_NODE = {5: _ATTRIBUTE}
_GRAPH.update({1: _NODE, 5: _TENSOR, 15: _SPARSE})
_FUNCTION = {7: _NODE, 11: _ATTRIBUTE}
_MODEL = {7: _GRAPH, 20: {1: _GRAPH, 2: _GRAPH}, 25: _FUNCTION}
_ELSEWHERE = (13, 14)  # external_data, and a data_location other than 0
_GRAPH_FIELD = 7
_WEIGHTS_FIELD = 5
_MAX_DEPTH = 64


def has_external_data(model: bytes | mmap) -> bool:
    """Say whether *model* refers to bytes outside itself; raise Invalid if unreadable.

    Field numbers are those of onnx.proto3 (ModelProto, GraphProto, NodeProto,
    AttributeProto, TensorProto, FunctionProto).
    """
    return _search(memoryview(model), _MODEL, 0)


def has_graph(model: bytes | mmap) -> bool:
    """Say whether *model* has a graph, as every model has; raise Invalid as above."""
    return any(True for _ in _parts(memoryview(model), _GRAPH_FIELD))


def weights_in(model: bytes | mmap) -> int:
    """Return how many bytes of *model* are its weights; raise Invalid as above."""
    return sum(
        len(value)
        for graph in _parts(memoryview(model), _GRAPH_FIELD)
        for value in _parts(graph, _WEIGHTS_FIELD)
    )


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _search(message: memoryview, fields: dict[int, Any], depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise Invalid("the model nests deeper than any real model does")
    for number, value in _fields(message):
        if fields is _TENSOR and number in _ELSEWHERE and value != 0:
            return True
        below = fields.get(number)
        if below is None or isinstance(value, int):
            continue
        if _search(value, below, depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield each field's number and its value: bytes, or an integer."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise Invalid("this is no ONNX model")
        if at + size > len(message):
            raise Invalid("this is no whole ONNX model: it is cut short")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise Invalid("this is no whole ONNX model: it is cut short")
