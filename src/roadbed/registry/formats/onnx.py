"""ONNX: a protocol buffer with a version, a graph and opsets, weights inside."""

import mmap
from io import BufferedReader
from typing import IO

from roadbed.core.errors import Invalid
from roadbed.registry.artifact import has_external_data, has_graph

RUNS_CODE = False


def matches(head: bytes) -> bool:
    """Say whether *head* begins with the version of the format, its first field."""
    return head[:1] == b"\x08" and len(head) > 2


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless this is a whole model that needs no other file."""
    data = _whole(file)
    outside = has_external_data(data)
    if not has_graph(data):
        raise Invalid("this is no ONNX model: it has no graph")
    if outside:
        raise Invalid(
            "the model refers to weights outside its file, which no digest covers",
            hint="export it with its weights inside",
        )


def _whole(file: IO[bytes]) -> bytes | mmap.mmap:
    """Return all of *file*; one on the disk may be large, and is looked at there."""
    if isinstance(file, BufferedReader):
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return file.read()
