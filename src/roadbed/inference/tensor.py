"""Typed arrays, named as the Open Inference Protocol names them."""

import math
import struct
from array import array
from dataclasses import dataclass
from typing import Any

from roadbed.core.errors import Invalid

_CODES = {
    "BOOL": "B",
    "INT8": "b",
    "UINT8": "B",
    "INT16": "h",
    "UINT16": "H",
    "INT32": "i",
    "UINT32": "I",
    "INT64": "q",
    "UINT64": "Q",
    "FP32": "f",
    "FP64": "d",
}
SIZES = {name: array(code).itemsize for name, code in _CODES.items()} | {"FP16": 2}
DATATYPES = frozenset(SIZES) | {"BYTES"}
MAX_ITEMS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An array in row-major order.

    `data` holds little-endian elements; for BYTES each element is its length
    (4 bytes, little-endian) and then its bytes, as in the binary extension.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes

    def values(self) -> list[Any]:
        """Return the elements as plain Python values, flat, in row-major order."""
        if self.datatype == "BYTES":
            return [item.decode("utf-8", "replace") for item in _split(self.data)]
        if self.datatype == "FP16":
            return [v for (v,) in struct.iter_unpack("<e", self.data)]
        items = array(_CODES[self.datatype])
        items.frombytes(self.data)
        values = items.tolist()
        return [bool(v) for v in values] if self.datatype == "BOOL" else values


def from_bytes(name: str, datatype: str, shape: list[int], data: bytes) -> Tensor:
    """Check that *data* fits *datatype* and *shape*; raise Invalid if it does not."""
    count = _count(name, datatype, shape)
    if datatype == "BYTES":
        have = sum(1 for _ in _split(data, name))
    else:
        size = SIZES[datatype]
        if len(data) % size:
            raise Invalid(
                f"input {name!r}: {len(data)} bytes are no whole number of {datatype}"
            )
        have = len(data) // size
    if have != count:
        raise Invalid(
            f"input {name!r}: shape {list(shape)} needs {count} elements, got {have}"
        )
    return Tensor(name=name, datatype=datatype, shape=tuple(shape), data=data)


def from_values(name: str, datatype: str, shape: list[int], values: Any) -> Tensor:
    """Pack JSON *values* (flat or nested); raise Invalid if one does not fit."""
    count = _count(name, datatype, shape)
    flat = _flatten(name, values, count)
    if len(flat) != count:
        raise Invalid(
            f"input {name!r}: shape {list(shape)} needs {count} elements, "
            f"got {len(flat)}"
        )
    try:
        data = _pack(datatype, flat)
    except (TypeError, ValueError, OverflowError, struct.error, AttributeError):
        raise Invalid(
            f"input {name!r}: a value does not fit the datatype {datatype}"
        ) from None
    return Tensor(name=name, datatype=datatype, shape=tuple(shape), data=data)


def _count(name: str, datatype: str, shape: list[int]) -> int:
    if datatype not in DATATYPES:
        known = ", ".join(sorted(DATATYPES))
        raise Invalid(
            f"input {name!r}: no datatype {datatype!r}", hint=f"one of {known}"
        )
    if any(side < 0 for side in shape):
        raise Invalid(f"input {name!r}: a shape has no negative side: {list(shape)}")
    count = math.prod(shape)
    if count > MAX_ITEMS:
        raise Invalid(f"input {name!r}: {count} elements are more than {MAX_ITEMS}")
    return count


def _flatten(name: str, values: Any, limit: int) -> list[Any]:
    if not isinstance(values, list):
        raise Invalid(f"input {name!r}: data is a JSON array")
    flat, level = values, 0
    while flat and isinstance(flat[0], list) and level < 16:
        if not all(isinstance(row, list) for row in flat):
            raise Invalid(f"input {name!r}: data nests unevenly")
        flat, level = [item for row in flat for item in row], level + 1
        if len(flat) > max(limit, 1) * 2:
            break
    return flat


def _pack(datatype: str, flat: list[Any]) -> bytes:
    if datatype == "BYTES":
        rows = [v.encode() for v in flat]
        return b"".join(struct.pack("<I", len(row)) + row for row in rows)
    if datatype == "BOOL":
        if not all(isinstance(v, bool) for v in flat):
            raise TypeError
        return bytes(flat)
    if any(isinstance(v, bool | str) for v in flat):
        raise TypeError
    if datatype == "FP16":
        return struct.pack(f"<{len(flat)}e", *flat)
    return array(_CODES[datatype], flat).tobytes()


def _split(data: bytes, name: str = "?") -> list[bytes]:
    items, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or end > len(data):
            raise Invalid(f"input {name!r}: a BYTES element is cut short")
        items.append(data[at + 4 : end])
        at = end
    return items
