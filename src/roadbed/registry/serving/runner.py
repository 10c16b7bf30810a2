"""One trained model version, loaded: it answers, and it says why."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Executor
from typing import Any

from roadbed.core.errors import Invalid, TimedOut
from roadbed.inference.call import Call, Chunk, TensorRequest
from roadbed.inference.provider import Explanation
from roadbed.inference.tensor import Tensor
from roadbed.registry.serving.config import LocalConfig
from roadbed.registry.serving.explanation import explain, reference_row
from roadbed.registry.serving.session import Options, Session
from roadbed.registry.serving.tensors import (
    check_numbers,
    from_array,
    one_row,
    port,
    to_array,
)

_INLINE_NS = 1_000_000
_WARMING = 4


class LocalRunner:
    """Runs one session. Small requests are computed at once, large ones beside.

    What counts as small is measured while warming up: a millisecond's worth of
    rows, so that no call holds up the event loop for longer.
    """

    def __init__(
        self,
        session: Session,
        body: Mapping[str, Any],
        config: LocalConfig,
        pool: Executor,
    ) -> None:
        self._session = session
        self._body = body
        self._config = config
        self._pool = pool
        self._inputs = {s["name"]: port(s) for s in body["signature"]["inputs"]}
        self._outputs = {s["name"]: port(s) for s in body["signature"]["outputs"]}
        self._features = tuple(body.get("features", ()))
        self._inline_rows = 0

    def warm_up(self) -> None:
        """Compute one row a few times, and see how long it takes.

        The row is the one that the version stores, or zeros. Raises ProviderError if
        the model does not take it, or puts out what cannot be sent.
        """
        reference = reference_row(self._body)
        feeds = {n: one_row(p, reference) for n, p in self._inputs.items()}
        names, times = list(self._outputs), []
        for _ in range(_WARMING):
            start = time.perf_counter_ns()
            found = self._run(names, feeds)
            times.append(time.perf_counter_ns() - start)
            list(map(from_array, names, found))
        self._inline_rows = _INLINE_NS // max(min(times), 1)

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield all outputs as one chunk.

        Raises Invalid if the inputs are not what the model takes, TimedOut if the
        endpoint's deadline passes, ProviderError if the model fails on them.
        """
        request = call.request
        if not isinstance(request, TensorRequest):
            raise Invalid(
                f"{call.endpoint} takes arrays, not a conversation",
                hint=f"POST /v2/models/{call.endpoint}/infer",
            )
        if self._rows(request) <= self._inline_rows:
            tensors = self._answer(request, None)
        else:
            tensors = await self._answer_beside(request, call)
        yield Chunk(tensors=tensors, finish="stop")

    def metadata(self) -> dict[str, Any]:
        """Return platform, inputs and outputs, as the protocol spells them."""
        return {
            "platform": self._session.platform,
            "inputs": [spec.content() for spec in self._inputs.values()],
            "outputs": [spec.content() for spec in self._outputs.values()],
        }

    async def close(self) -> None:
        """Forget nothing yet: the session goes when the last call has ended."""

    def explain(self, request: TensorRequest, row: int) -> Explanation:
        """Share out the prediction for *row* of *request* among the features.

        How, and what the reference is: see `serving.explanation.explain`. Slow, a
        thousand times a prediction: never on the request path. Raises Invalid if
        there is no such row, or if the version stores no reference.
        """
        if len(self._inputs) != 1 or not reference_row(self._body):
            raise Invalid("this version stores no reference row to explain from")
        ((name, rows),) = self._feeds(request).items()
        if not 0 <= row < len(rows):
            raise Invalid(f"the request has the rows 0 to {len(rows) - 1}, not {row}")

        def run(outputs: list[str], values: Any) -> list[Any]:
            return self._run(outputs, {name: values})

        return explain(run, self._body, rows[row])

    def _rows(self, request: TensorRequest) -> int:
        return max((t.shape[0] for t in request.inputs if t.shape), default=0)

    def _answer(
        self, request: TensorRequest, options: Options | None
    ) -> tuple[Tensor, ...]:
        names = self._wanted(request)
        arrays = self._run(names, self._feeds(request), options)
        return tuple(map(from_array, names, arrays))

    async def _answer_beside(
        self, request: TensorRequest, call: Call
    ) -> tuple[Tensor, ...]:
        """Compute in a worker thread, and end the computing with the waiting."""
        options = self._session.options()
        work = asyncio.get_running_loop().run_in_executor(
            self._pool, self._answer, request, options
        )
        try:
            async with asyncio.timeout(_left_s(call)):
                return await work
        except TimeoutError:
            raise TimedOut(
                f"{call.endpoint} did not compute {self._rows(request)} rows in time",
                hint="send fewer rows in one request",
            ) from None
        finally:
            options.terminate = True

    def _feeds(self, request: TensorRequest) -> dict[str, Any]:
        """Return the inputs as arrays; raise Invalid for the first that is wrong."""
        sent = [tensor.name for tensor in request.inputs]
        takes = ", ".join(f"{name} ({spec})" for name, spec in self._inputs.items())
        if sorted(sent) != sorted(self._inputs):
            raise Invalid(
                f"the inputs {', '.join(map(repr, sent)) or 'of the request'} "
                "are not those of this model",
                hint=f"it takes: {takes}",
            )
        feeds = {t.name: to_array(t, self._inputs[t.name]) for t in request.inputs}
        self._check_rows(feeds)
        for array in feeds.values():
            check_numbers(array, self._body.get("missing", False), self._features)
        return feeds

    def _check_rows(self, feeds: Mapping[str, Any]) -> None:
        counts = {len(array) for array in feeds.values()}
        if counts == {0}:
            raise Invalid("the request has no rows", hint="send at least one")
        if len(counts) > 1:
            raise Invalid("the inputs have different numbers of rows")
        if max(counts) > self._config.max_rows:
            raise Invalid(
                f"{max(counts)} rows are more than one request may have",
                hint=f"send at most {self._config.max_rows} at a time",
            )

    def _wanted(self, request: TensorRequest) -> list[str]:
        unknown = [name for name in request.outputs if name not in self._outputs]
        if unknown:
            raise Invalid(
                f"this model has no output {unknown[0]!r}",
                hint=f"it has: {', '.join(self._outputs)}",
            )
        return list(request.outputs or self._outputs)

    def _run(
        self,
        names: list[str],
        feeds: Mapping[str, Any],
        options: Options | None = None,
    ) -> list[Any]:
        return self._session.run(names, feeds, options)


def _left_s(call: Call) -> float | None:
    if call.deployment is None:
        return None
    spent_ns = time.monotonic_ns() - call.started_ns
    return call.deployment.deadline_ms / 1_000 - spent_ns / 1_000_000_000
