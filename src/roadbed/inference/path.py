"""The governed path: the steps every call travels, whatever answers it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, TypeVar

from roadbed.core.errors import Denied, RoadbedError, Truncated, Unauthenticated
from roadbed.inference.call import Call, Chunk, Outcome


class Step(Protocol):
    """One stop on the path. Both halves are synchronous and free of I/O.

    `finish` runs exactly once for every step and every call, in reverse order,
    also when an earlier `admit` refused; it may add to `call.waits` what must be
    durable before the caller is told.
    """

    def admit(self, call: Call) -> None:
        """Look at the call on the way in; raise to refuse it."""
        ...

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Look at how it ended on the way out."""
        ...


Half = TypeVar("Half", bound=Callable[..., None])


def idle(half: Half) -> Half:
    """Mark a half of a step in which there is nothing to do: no call stops there."""
    half.idle = True  # type: ignore[attr-defined]
    return half


class Attempt(Protocol):
    """What waits for an answer: a runner, or something that asks one or several."""

    def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer's pieces; it may note in *outcome* how it came by them."""
        ...


def ask_once(call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
    """Ask the endpoint's first upstream, once."""
    if call.deployment is None:
        raise RoadbedError("no step resolved the endpoint")
    return call.deployment.runner.send(call)


class Path:
    """A list of steps around the one thing that waits: the attempt."""

    def __init__(self, steps: Sequence[Step], attempt: Attempt = ask_once) -> None:
        self.steps = tuple(steps)
        self._in = _busy([step.admit for step in steps])
        self._out = _busy([step.finish for step in reversed(steps)])
        self._attempt = attempt

    async def travel(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer's pieces, and end only when the call is on record.

        Raises the error that ended the call, after it was recorded. Whoever
        reads this may tell the caller "done" once it has ended.
        """
        outcome = Outcome()
        attempt: AsyncGenerator[Chunk] | None = None
        try:
            for admit in self._in:
                admit(call)
            call.mark("admit")
            attempt = self._attempt(call, outcome)
            async for chunk in attempt:
                outcome.add(chunk, time.monotonic_ns())
                yield chunk
            if not outcome.finish:
                raise Truncated("the provider stopped before it had finished")
            call.mark("answer")
            outcome.status = "ok"
        except BaseException as error:
            _blame(outcome, error)
            if attempt is not None:
                # Closing at once lets go of the upstream when the caller leaves.
                await attempt.aclose()
            raise
        finally:
            self._finish(call, outcome)
            if outcome.status != "cancelled":
                for wait in call.waits:
                    await wait

    def _finish(self, call: Call, outcome: Outcome) -> None:
        if call.left:  # whoever read its answer to the end, nobody was there to have it
            outcome.status = "cancelled"
        for finish in self._out:
            finish(call, outcome)


def _busy(halves: Sequence[Half]) -> tuple[Half, ...]:
    return tuple(half for half in halves if not getattr(half, "idle", False))


def _blame(outcome: Outcome, error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        outcome.status = "cancelled"
        return
    outcome.status = "error"
    if isinstance(error, RoadbedError):
        outcome.error = error
    if isinstance(error, Truncated):
        outcome.status = "truncated"
    if isinstance(error, Denied | Unauthenticated):
        outcome.status = "denied"
