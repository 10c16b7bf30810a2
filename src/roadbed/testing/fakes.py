"""Stand-ins that behave: a provider that echoes, a catalog of it, and a clock.

They hold to the same promises as the real ones, and fail where they are told to.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roadbed.core.errors import (
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.core.secret import SecretRef
from roadbed.inference.call import Call, Chunk, TensorRequest, Usage
from roadbed.inference.chat import ChatRequest
from roadbed.inference.provider import Provider
from roadbed.inference.snapshot import ModelVersion

Behaviour = Literal[
    "fine", "broken", "down", "refusing", "busy", "slow", "silent", "truncated", "lost"
]


class EchoConfig(BaseModel):
    """Settings of the echo provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = Field(default="", description="Put before every answer.")
    behaviour: Behaviour = Field(
        default="fine",
        description="broken: cannot load a version; down, refusing, busy: raise; "
        "slow: waits before each word; silent: never answers; truncated: stops in the "
        "middle and says so; lost: stops in the middle and says nothing.",
    )
    delay_s: float = Field(
        default=0.05, ge=0, description="How long `slow` waits before each word."
    )
    api_key: SecretRef | None = Field(
        default=None, description="Taken, and never used."
    )


class EchoProvider:
    """Makes runners that repeat the question. Counts what is open."""

    def __init__(self, config: EchoConfig) -> None:
        self.config = config
        self.opened: list[ModelVersion] = []
        self.closed = False

    def open(self, version: ModelVersion) -> "EchoRunner":
        """Load *version*; raise Unavailable if this provider is `broken`."""
        if self.config.behaviour == "broken":
            raise Unavailable("echo cannot load anything", hint="mend it")
        self.opened.append(version)
        return EchoRunner(self.config, version)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class EchoRunner:
    """Answers with the last message of the user, or with the tensors it was given."""

    def __init__(self, config: EchoConfig, version: ModelVersion) -> None:
        self.config = config
        self.version = version
        self.closed = False

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer word by word, with usage and finish in the last piece."""
        behaviour = self.config.behaviour
        await self._misbehave(call)
        if isinstance(call.request, TensorRequest):
            yield Chunk(tensors=call.request.inputs, finish="stop", served=self.served)
            return
        if not isinstance(call.request, ChatRequest):
            raise Invalid("echo repeats conversations and tensors")
        question = call.request.question()
        words = _words(f"{self.config.prefix}{question}")
        cut = behaviour in ("truncated", "lost")
        for word in words[: len(words) // 2] if cut else words:
            if behaviour == "slow":
                await _wait(call, self.config.delay_s)
            yield Chunk(text=word, served=self.served)
        if behaviour == "truncated":
            raise Truncated("echo stopped in the middle")
        if not cut:
            usage = Usage(input_tokens=len(_words(question)), output_tokens=len(words))
            yield Chunk(finish="stop", usage=usage, served=self.served)

    async def _misbehave(self, call: Call) -> None:
        match self.config.behaviour:
            case "down":
                raise Unavailable("echo is down")
            case "refusing":
                raise Refused("echo will not say that")
            case "busy":
                raise RateLimited("echo is busy", retry_after_s=1.5)
            case "silent":
                await _wait(call, math.inf)

    @property
    def served(self) -> str:
        """Return the upstream name that the version pins."""
        return str(self.version.body.get("upstream", ""))

    def metadata(self) -> dict[str, Any]:
        """Return what an echo is."""
        return {"platform": "echo", "inputs": [], "outputs": []}

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class FakeCatalog:
    """A catalog whose only provider is `echo`.

    Names without a number float; a definition with a `voice` cannot be served.
    """

    def __init__(self) -> None:
        self.opened: list[EchoProvider] = []

    def names(self) -> list[str]:
        """Return the names of all types."""
        return ["echo"]

    def config_class(self, type_name: str) -> type[BaseModel]:
        """Return the class of the type's config; raise NotFound."""
        self._require(type_name)
        return EchoConfig

    def unpinned(
        self, type_name: str, config: Mapping[str, Any], upstream: str
    ) -> str | None:
        """Say that an upstream name without a digit floats."""
        self._require(type_name)
        EchoConfig.model_validate(config)
        if any(c.isdigit() for c in upstream):
            return None
        return "write a name with a number, such as echo-1"

    def unfit(
        self, type_name: str, config: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> str | None:
        """Say that an echo has no voice of its own, if the parameters give it one."""
        self._require(type_name)
        EchoConfig.model_validate(config)
        hosted = definition.get("hosted") or {}
        if "voice" in (hosted.get("parameters") or {}):
            return "an echo has no voice of its own; remove it"
        return None

    def open(self, type_name: str, config: Mapping[str, Any]) -> Provider:
        """Return a new echo provider; raise NotFound."""
        self._require(type_name)
        provider = EchoProvider(EchoConfig.model_validate(config))
        self.opened.append(provider)
        return provider

    def _require(self, type_name: str) -> None:
        if type_name != "echo":
            raise NotFound(f"no provider is called {type_name!r}", hint="echo")


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the moment it stands at, in UTC."""
        return self._now

    def advance(self, **delta: float) -> None:
        """Move on by so many `days`, `hours`, `seconds`, … as `timedelta` takes."""
        self._now += timedelta(**delta)


def _words(text: str) -> list[str]:
    """Split *text* into pieces that join to the same text again."""
    words = text.split(" ")
    return [w if i == 0 else f" {w}" for i, w in enumerate(words)]


async def _wait(call: Call, seconds: float) -> None:
    """Wait, but no longer than the call's deadline; raise TimedOut there."""
    assert call.deployment is not None
    passed = (time.monotonic_ns() - call.started_ns) / 1e9
    left = call.deployment.deadline_ms / 1000 - passed
    await asyncio.sleep(max(0.0, min(seconds, left)))
    if seconds > left:
        raise TimedOut("echo did not answer within the deadline")
