"""What Roadbed asks of a model provider.

A provider is one file in `adapters/providers/`. The module has:

- `Config`, a pydantic model: the `config` block of the Provider resource;
- `provider`, a class made with `(config, blobs, secrets)` that is a `Provider`;
- optionally `unpinned(config, upstream) -> str | None`: why this upstream name is
  a floating alias, or None if it is pinned;
- optionally `unfit(config, definition) -> str | None`: why this definition cannot be
  served, or None. It is asked before a version is made of the definition, and does
  no I/O; `open` refuses for the same reasons. There, each of the `files` of
  `context.documents` also has `data`, its bytes, if they are about to be stored. A
  trained model that is only declared has no more than the name of its provider.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from roadbed.inference.call import Call, Chunk, TensorRequest
from roadbed.inference.snapshot import ModelVersion


class Runner(Protocol):
    """One loaded model version. Raises ProviderError or Invalid, and nothing else."""

    def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer; the chunk that ends it has `finish`. Keeps the deadline."""
        ...

    def metadata(self) -> dict[str, Any]:
        """Return name-free facts about the version: platform, inputs, outputs."""
        ...

    async def close(self) -> None:
        """Let go of memory and connections; calls under way have ended."""
        ...


class Provider(Protocol):
    """Where models run: an LLM API, an inference server, or this process."""

    def open(self, version: ModelVersion) -> Runner:
        """Load *version* and warm it up; raise ProviderError or Corrupt if it cannot.

        Runs in a worker thread, before any traffic reaches the version.
        """
        ...

    async def close(self) -> None:
        """Let go of what all versions shared."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """How much one feature moved one prediction, away from the reference input.

    `error` is the standard error of an estimate, 0 where it is exact.
    """

    feature: str
    value: float | str
    reference: float | str
    amount: float
    error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Contributions to one output: `reference_output` plus their sum is `output`."""

    method: str
    output_name: str
    output: float
    reference_output: float
    contributions: tuple[Contribution, ...]


@runtime_checkable
class Explainer(Protocol):
    """A runner that can also say why."""

    def explain(self, request: TensorRequest, row: int) -> Explanation:
        """Explain the prediction for *row*. Slow: never on the request path."""
        ...
