"""The settings of a provider of type `oip`, and which definitions it serves."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import Field

from roadbed.transport.config import HttpConfig

_NAMED = re.compile(r"([\w.+-]+(?:/[\w.+-]+)*?)(?:(?:@|/versions/)([\w.+-]+))?")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Config(HttpConfig):
    """The `config` block of a Provider resource of type `oip`."""

    base_url: str = Field(
        description="Where the server is, up to where /v2 begins: http://triton:8000."
    )
    binary: bool = Field(
        default=True,
        description="Whether tensors travel as bytes behind the JSON, where the server "
        "has the extension `binary_tensor_data`; otherwise as JSON, which is slow.",
    )


class Named(NamedTuple):
    """A model of an inference server, and its version, empty if the server chooses."""

    model: str
    version: str


def read_upstream(upstream: str) -> Named | None:
    """Return what *upstream* names, None if it cannot stand in an address."""
    found = _NAMED.fullmatch(upstream)
    dots = found and any(set(part) == {"."} for part in upstream.split("/"))
    if not found or dots or not upstream.isascii():
        return None
    return Named(found[1], found[2] or "")


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is a floating alias, or None if it names a version."""
    named = read_upstream(upstream)
    name = named.model if named else upstream
    if named is None or not named.version:
        return f"{upstream!r} leaves the version to the server; write {name}@VERSION"
    if not _NUMBER.fullmatch(named.version):
        return (
            f"{named.version!r} is no number, so its owner may move it; "
            f"write {name}@NUMBER"
        )
    return None


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be served by such a server, or None if it can."""
    body = definition.get("hosted")
    if body is None:
        return "its artifact is here and is not sent to a server; use provider `onnx`"
    if read_upstream(str(body.get("upstream") or "")) is None:
        return "its `upstream` names no model; write name@version, such as fraud@3"
    for name in ("prompt", "context"):
        if body.get(name):
            return f"a model that takes tensors has no use for `{name}`; remove it"
    return None
