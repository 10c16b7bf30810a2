"""Embeddings: what a caller asks."""

from typing import Any

import msgspec

from roadbed.dialects.fields import TEXT, begin, take, wrong
from roadbed.inference.chat import EmbedRequest

DIALECT = "openai-embeddings"

_INPUT = msgspec.json.Decoder(str | list[str | int | list[int]] | None)
_COUNT = msgspec.json.Decoder(int | None)


def read(body: bytes) -> tuple[str, EmbedRequest]:
    """Return the model's name and the request; raise Invalid naming the field."""
    model, fields = begin(body)
    dimensions = take(fields, "dimensions", _COUNT)
    if dimensions is not None and dimensions < 1:
        raise wrong("dimensions", "dimensions is a number from 1")
    shape = take(fields, "encoding_format", TEXT)
    if shape not in (None, "float", "base64"):
        raise wrong("encoding_format", "encoding_format is float or base64")
    return model, EmbedRequest(
        fields=fields,
        inputs=_inputs(take(fields, "input", _INPUT)),
        dimensions=dimensions,
        base64=shape == "base64",
    )


def _inputs(given: Any) -> tuple[str | tuple[int, ...], ...]:
    """Return the inputs: a list of numbers is one input, in tokens."""
    if not given:
        raise wrong("input", "input is missing: a text, a list of texts, or of tokens")
    if isinstance(given, str):
        return (given,)
    if all(isinstance(one, int) for one in given):
        return (_tokens("input", given),)
    if any(isinstance(one, int) for one in given):
        raise wrong("input", "input mixes tokens with other things")
    return tuple(
        one if isinstance(one, str) else _tokens(f"input[{at}]", one)
        for at, one in enumerate(given)
    )


def _tokens(where: str, numbers: list[int]) -> tuple[int, ...]:
    if not numbers or min(numbers) < 0:
        raise wrong(where, f"{where}: tokens are numbers from 0, and at least one")
    return tuple(numbers)
