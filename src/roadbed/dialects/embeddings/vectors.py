"""Vectors as OpenAI writes them: numbers, or base64 of little-endian float32."""

import sys
from array import array
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence

_SIZE = 4


def decoded(text: str) -> Sequence[float]:
    """Return the vector in base64 *text*; raise ValueError if it holds none."""
    try:
        data = b64decode(text, validate=True)
    except Error as error:
        raise ValueError(str(error)) from None
    if not data or len(data) % _SIZE:
        raise ValueError("no whole number of float32")
    vector = array("f")
    vector.frombytes(data)
    return _turned(vector)


def encoded(vector: Sequence[float]) -> str:
    """Return *vector* as base64 of little-endian float32."""
    return b64encode(_turned(array("f", vector)).tobytes()).decode()


def _turned(vector: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
