"""Reads what inference servers answer in the Open Inference Protocol."""

from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.core.errors import Invalid, ProviderError
from roadbed.dialects.fields import decode
from roadbed.dialects.oip import tensors
from roadbed.dialects.oip.tensors import Wires
from roadbed.inference.tensor import Tensor


class _Answer(msgspec.Struct):
    outputs: Wires
    model_name: str = ""
    model_version: str | None = None
    parameters: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a server answered: tensors, and which model and version it says it is."""

    tensors: tuple[Tensor, ...]
    served: str


def read(body: bytes, json_length: str = "") -> Answered:
    """Return the answer in *body*; raise ProviderError if it is none."""
    try:
        head, tail = tensors.split(body, json_length)
        told = decode(_ANSWER, head, "the answer")
        outputs = tensors.read(told.outputs, tail if json_length else None)
    except Invalid as error:
        why = error.message.replace("input ", "output ", 1)
        raise ProviderError(f"the provider's answer cannot be read: {why}") from None
    if not outputs:
        raise ProviderError("the provider's answer has no outputs")
    version = f"@{told.model_version}" if told.model_version else ""
    return Answered(tensors=outputs, served=f"{told.model_name}{version}")
