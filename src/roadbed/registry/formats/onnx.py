"""ONNX: a protocol buffer with a version, a graph and opsets, weights inside."""

from typing import IO

from roadbed.core.errors import Invalid
from roadbed.registry.artifact import has_external_data, has_graph

RUNS_CODE = False


def matches(head: bytes) -> bool:
    """Say whether *head* begins with the version of the format, its first field."""
    return head[:1] == b"\x08" and len(head) > 2


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless this is a whole model that needs no other file."""
    data = file.read()
    outside = has_external_data(data)
    if not has_graph(data):
        raise Invalid("this is no ONNX model: it has no graph")
    if outside:
        raise Invalid(
            "the model refers to weights outside its file, which no digest covers",
            hint="export it with its weights inside",
        )
