"""The bytes of a record that the audit log commits to, made quickly.

Sealing makes one leaf for every call, and general canonical JSON costs some
70 µs of it. This spells the same bytes for the one shape that a record has; a
test compares the two for any record.
"""

import msgspec
import rfc8785

from roadbed.inference.record import CallRecord, leaf_bytes, said

_encode = msgspec.json.Encoder(order="sorted").encode
_MAPS = ("num", "cat", "prediction", "stages", "labels")


def leaf_of(record: CallRecord) -> bytes:
    """Return exactly `leaf_bytes(record)`."""
    if not all("".join(getattr(record, name)).isascii() for name in _MAPS):
        return leaf_bytes(record)  # canonical order is by UTF-16, ours by code point
    numbers = {
        name: _numbers(values)
        for name, values in (("num", record.num), ("prediction", record.prediction))
        if values
    }
    return _encode(said(record) | numbers)


def _numbers(values: dict[str, float]) -> dict[str, float | msgspec.Raw]:
    return {
        key: value
        if not value.is_integer() and 1e-4 < abs(value) < 1e15
        else msgspec.Raw(_number(value))
        for key, value in values.items()
    }


def _number(value: float) -> bytes:
    """Spell *value* as ECMAScript does, where msgspec does not."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value)).encode()
    return rfc8785.dumps(value)
