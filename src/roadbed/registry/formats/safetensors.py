"""safetensors: a header of JSON that says where each tensor lies, then the tensors."""

import json
import struct
from typing import IO, Any

from roadbed.core.errors import Invalid

RUNS_CODE = False
_MAX_HEADER = 100_000_000
_BITS = {
    **{name: 8 for name in ("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3")},
    **{name: 16 for name in ("I16", "U16", "F16", "BF16")},
    **{name: 32 for name in ("I32", "U32", "F32")},
    **{name: 64 for name in ("I64", "U64", "F64", "C64")},
}


def matches(head: bytes) -> bool:
    """Say whether *head* begins with the length of a header, and the header."""
    if len(head) < 10:
        return False
    (size,) = struct.unpack("<Q", head[:8])
    return 2 <= size <= _MAX_HEADER and head[8:9] == b"{"


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless the tensors fill the file, one after the other."""
    size = file.seek(0, 2)
    file.seek(0)
    (length,) = struct.unpack("<Q", file.read(8))
    if length > size - 8:
        raise _invalid("its header is cut short")
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        raise _invalid("its header is no JSON") from None
    if not isinstance(header, dict):
        raise _invalid("its header is no object")
    header.pop("__metadata__", None)
    spans = sorted(_span(tensor) for tensor in header.values())
    end = 0
    for begin, stop in spans:
        if begin != end:
            raise _invalid("its tensors overlap, or leave a gap")
        end = stop
    if end != size - 8 - length:
        raise _invalid("its tensors do not fill the file")


def _span(tensor: Any) -> tuple[int, int]:
    """Return where a tensor begins and ends, if that fits its type and shape."""
    try:
        begin, stop = tensor["data_offsets"]
        count = 1
        for side in tensor["shape"]:
            if not _whole(side):
                raise ValueError
            count *= side
        if not _whole(begin) or not _whole(stop):
            raise ValueError
        if (stop - begin) * 8 != count * _BITS[tensor["dtype"]]:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise _invalid("a tensor is described in no way that can be") from None
    return begin, stop


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _invalid(why: str) -> Invalid:
    return Invalid(f"this is no whole safetensors file: {why}")
