"""A model call and its reply, the same for every dialect and provider."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import RoadbedError
from roadbed.inference.chat import TextRequest
from roadbed.inference.snapshot import Choice, Deployment, Snapshot
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


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens in and out, as the provider counted them; images and audio included.

    `input_tokens` is all that was read: `cached_tokens` of it came from the provider's
    prompt cache, `cache_write_tokens` were put there (of these `cache_write_1h_tokens`
    for an hour). `output_tokens` is all that was written, `reasoning_tokens` of it
    thought. `estimated` says that the provider did not count, and we did.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class ToolPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the tool call at `index`: id and name once, then its arguments."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer.

    `finish` is set on the piece with which the provider says that it is done (a word of
    `conversation.Finish`; `stop` is the stop sequence that was met); an answer without
    one is not finished. `raw` is the piece as the provider wrote it in `dialect`: for a
    caller of the same dialect, who is shown it and nothing else of the chunk. A chunk
    that only says that the provider is alive has nothing at all.
    """

    text: str = ""
    thinking: str = ""
    signature: str = ""
    refusal: str = ""
    tools: tuple[ToolPiece, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    vectors: tuple[Sequence[float], ...] = ()
    ranking: tuple[tuple[int, float], ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()
    usage: Usage | None = None
    finish: str | None = None
    stop: str = ""
    served: str = ""
    raw: bytes | None = None
    dialect: str = ""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try at one upstream, as the record tells of it.

    `status` is `ok`, or the code of the error that ended it; times are microseconds,
    `started_us` counted from the arrival of the call. `cost_nano` is what it cost, also
    if nobody was shown its answer. `unsaid` names what the caller asked and the
    upstream's dialect has no words for.
    """

    model: str
    provider: str
    upstream: str = ""
    status: str = ""
    started_us: int = 0
    latency_us: int = 0
    first_us: int = 0
    cost_nano: int = 0
    hedge: bool = False
    unsaid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Where a rollout put a call: `side` is `old` or `new`.

    `unit` is a number that stands for whoever was assigned as a whole, `bucket` is the
    one it fell into. `placed` says that the side is not by chance, so that the call
    says nothing about what units do: somebody chose it, or the caller was `early`;
    `mirrored` that it is a copy, whose answer nobody got. `flaws` are what no answer
    may have, and this one has, such as `schema`. `weight` of 10,000 units went to the
    newer version then, and `alone` says that the call is a unit by itself.
    """

    rollout: str
    side: Literal["old", "new"]
    unit: int = 0
    bucket: int = 0
    placed: bool = False
    early: bool = False
    mirrored: bool = False
    flaws: frozenset[str] = frozenset()
    weight: int = 0
    alone: bool = False


@dataclass(slots=True, kw_only=True)
class Call:
    """One request for a prediction, from its first byte to its record.

    `span_id` is our own part of the trace, `parent_id` the caller's; `trace_state` and
    `sampled` go on to upstreams as they came. `run` is the run of an agent that it
    belongs to, `labels` what the caller wants it counted under.
    `attempts` are all tries at all upstreams, in the order in which they began.

    `priority` is the one that the caller asked for, empty if none. `told` are headers
    that go with the answer. `left` says that the caller has gone, `followers` how many
    others wait for its answer, or may come for it. `sized` is how many bytes of text
    and how many pictures go to a choice, once somebody has counted.

    `unit` is what the caller says is to be assigned to one version as a whole, `side`
    which one the caller asks for, and `arm` where a rollout put the call. `then` is
    called once the answer is out; it takes no time and raises nothing.
    """

    id: str
    received_us: int
    started_ns: int
    dialect: str
    endpoint: str
    number: int | None = None
    credential: str = ""
    trace_id: str = ""
    request: TextRequest | TensorRequest
    body: bytes = b""
    span_id: str = ""
    parent_id: str = ""
    trace_state: str = ""
    sampled: bool = True
    idempotency_key: str = ""
    run: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    priority: str = ""
    told: dict[str, str] = field(default_factory=dict)
    left: bool = False
    followers: int = 0
    sized: tuple[Choice, int, int] | None = None
    unit: str = ""
    side: str = ""
    arm: Arm | None = None
    snapshot: Snapshot
    principal: Principal | None = None
    decision: Decision | None = None
    deployment: Deployment | None = None
    waits: list[Awaitable[object]] = field(default_factory=list)
    then: Callable[[], None] | None = None
    attempts: list[Attempt] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)

    @property
    def served(self) -> Deployment | None:
        """Return what the endpoint serves this call, None if nothing.

        Of two versions that is the one that a rollout chose. Whether the caller may
        have it is not said yet.
        """
        found = self.snapshot.deployments.get(self.endpoint)
        if self.arm is None or self.arm.side == "old" or found is None:
            return found
        return found.arms.newer if found.arms else found

    def mark(self, stage: str) -> None:
        """Note that *stage* has ended now: the call's waterfall is made of these."""
        self.marks.append((stage, time.monotonic_ns()))

    @property
    def answered(self) -> Attempt | None:
        """Return the last attempt that succeeded, None if none did."""
        for attempt in reversed(self.attempts):
            if attempt.status == "ok":
                return attempt
        return None

    @property
    def asked_for(self) -> str:
        """Return the endpoint's name as it may be written down.

        What names no endpoint of the caller's tenant may be anything, also a key that
        went into the wrong field; it is kept only if it looks like a slip of the
        keyboard.
        """
        name = self.endpoint
        if self.deployment is not None and self.deployment.endpoint == name:
            return name  # it was found among those of the caller's tenant
        tenant = self.principal.tenant if self.principal else DEFAULT_TENANT
        if self.snapshot.tenant_of(name) == tenant:
            return name
        return name if _SLIP.fullmatch(name) and not _KEY.match(name) else UNNAMED


_NOTHING = Usage()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a call ended, gathered piece by piece while it travels.

    `tools` are the calls of tools by index: id, name and arguments. `price` names the
    prices behind `cost_nano`; `degraded` says what the endpoint fell back on. `refused`
    says that the model would not answer, and in words that it calls a refusal. `cache`
    says that the answer was given before: then its tokens were counted before, too,
    and `usage` stays empty.
    """

    status: Status = "error"
    error: RoadbedError | None = None
    first_ns: int = 0
    text: list[str] = field(default_factory=list)
    tools: dict[int, list[str]] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = ()
    vectors: int = 0
    ranking: tuple[tuple[int, float], ...] = ()
    annotations: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage | None = None
    finish: str = ""
    served: str = ""
    cost_nano: int = 0
    price: str = ""
    cache: Literal["", "hit", "stale", "replay"] = ""
    degraded: str = ""
    refused: bool = False

    def add(self, chunk: Chunk, now_ns: int) -> None:
        """Take in one piece of the answer that arrived at *now_ns*."""
        if not self.first_ns:
            self.first_ns = now_ns
        if chunk.text or chunk.refusal:
            self.text.append(chunk.text or chunk.refusal)
            if chunk.refusal:
                self.refused = True
        if chunk.tools:
            for piece in chunk.tools:
                self._take(piece)
        if chunk.annotations:
            self.annotations.extend(chunk.annotations)
        self.tensors = chunk.tensors or self.tensors
        self.vectors = len(chunk.vectors) or self.vectors
        self.ranking = chunk.ranking or self.ranking
        if not self.cache:
            self.usage = chunk.usage or self.usage
        self.finish = chunk.finish or self.finish
        self.served = chunk.served or self.served

    @property
    def counted(self) -> Usage:
        """Return the usage, nothing if nobody counted."""
        return self.usage or _NOTHING

    def _take(self, piece: ToolPiece) -> None:
        known = self.tools.setdefault(piece.index, ["", "", ""])
        known[0] = piece.id or known[0]
        known[1] = piece.name or known[1]
        known[2] += piece.arguments
