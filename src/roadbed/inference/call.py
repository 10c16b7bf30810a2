"""A model call and its reply, the same for every dialect and provider."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Literal

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import RoadbedError
from roadbed.inference.chat import ChatRequest
from roadbed.inference.snapshot import Deployment, Snapshot
from roadbed.inference.tensor import Tensor

UNNAMED = "(no endpoint)"
"""Stands for what a caller wrote instead of the name of an endpoint."""
_SLIP = re.compile(r"[a-z][a-z0-9-]{0,31}(@[0-9]{1,9})?")
_KEY = re.compile(r"(sk|pk|rbk|rbt|ghp|xox[a-z]|key|eyj)[-_]")

Status = Literal["ok", "error", "truncated", "cancelled", "denied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRequest:
    """Arrays put to a model: the inputs, and the outputs the caller wants (or all)."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens in and out, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of an answer.

    `finish` is set on the piece with which the provider says that it is done;
    an answer without one is not finished. `raw` is the piece as the provider
    wrote it, for a caller of the same dialect.
    """

    text: str = ""
    tensors: tuple[Tensor, ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()
    usage: Usage | None = None
    finish: str | None = None
    served: str = ""
    raw: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """One request for a prediction, from its first byte to its record."""

    id: str
    received_us: int
    started_ns: int
    dialect: str
    endpoint: str
    number: int | None = None
    credential: str = ""
    trace_id: str = ""
    request: ChatRequest | TensorRequest
    body: bytes = b""
    snapshot: Snapshot
    principal: Principal | None = None
    decision: Decision | None = None
    deployment: Deployment | None = None
    waits: list[Awaitable[object]] = field(default_factory=list)

    @property
    def asked_for(self) -> str:
        """Return the endpoint's name as it may be written down.

        What names no endpoint of the caller's tenant may be anything, also a key that
        went into the wrong field; it is kept only if it looks like a slip of the
        keyboard.
        """
        tenant = self.principal.tenant if self.principal else DEFAULT_TENANT
        name = self.endpoint
        if self.snapshot.tenant_of(name) == tenant:
            return name
        return name if _SLIP.fullmatch(name) and not _KEY.match(name) else UNNAMED


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a call ended, gathered piece by piece while it travels."""

    status: Status = "error"
    error: RoadbedError | None = None
    first_ns: int = 0
    text: list[str] = field(default_factory=list)
    tensors: tuple[Tensor, ...] = ()
    annotations: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = Usage()
    finish: str = ""
    served: str = ""

    def add(self, chunk: Chunk, now_ns: int) -> None:
        """Take in one piece of the answer that arrived at *now_ns*."""
        if not self.first_ns:
            self.first_ns = now_ns
        if chunk.text:
            self.text.append(chunk.text)
        if chunk.tensors:
            self.tensors = chunk.tensors
        if chunk.annotations:
            self.annotations.extend(chunk.annotations)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.finish:
            self.finish = chunk.finish
        if chunk.served:
            self.served = chunk.served
