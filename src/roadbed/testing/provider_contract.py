"""What every provider promises, as tests that each provider's own test inherits."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, NamedTuple, TypeVar

import pytest

from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import ProviderError, TimedOut
from roadbed.dialects.openai.parse_request import conversation
from roadbed.inference.call import Call, Chunk, Outcome, TensorRequest
from roadbed.inference.chat import ChatRequest, raw_fields
from roadbed.inference.provider import Provider, Runner
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Snapshot

T = TypeVar("T")
VERSION = ModelVersion(model="example", number=1, digest="", definition={"hosted": {}})


class Opened(NamedTuple):
    """A provider and one version it has loaded: what the contract puts questions to."""

    provider: Provider
    runner: Runner


class _Nobody:
    """An authority that allows nothing; providers have no business asking it."""

    digest = ""

    def decide(
        self, principal: Principal, action: str, target: Target, now_us: int = 0
    ) -> Decision:
        return Decision(allowed=False, reasons=("a test",), policy_digest="")

    def decide_all(
        self,
        principal: Principal,
        asked: Sequence[tuple[str, Target]],
        now_us: int = 0,
    ) -> tuple[Decision, ...]:
        return tuple(self.decide(principal, *asked[0]) for _ in asked[:1])

    def declares(self, action: str) -> bool:
        return False


def chat_request(
    question: str, *, stream: bool = False, wants_usage: bool = False, **fields: Any
) -> ChatRequest:
    """Return the request a server would have read for one question of a user.

    *fields* are further top-level fields of the body, as plain JSON values.
    """
    body: dict[str, Any] = {
        "model": "example",
        "messages": [{"role": "user", "content": question}],
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": wants_usage}}
    return ChatRequest(
        fields=raw_fields(body | fields),
        read=conversation,
        stream=stream,
        wants_usage=wants_usage,
    )


def make_call(
    runner: Runner, request: ChatRequest | TensorRequest, *, deadline_ms: int = 10_000
) -> Call:
    """Return a call that has been resolved to *runner* and has just begun."""
    deployment = Deployment(
        endpoint="example",
        choices=(Choice.at(VERSION, runner, "example"),),
        deadline_ms=deadline_ms,
    )
    snapshot = Snapshot(
        revision=1,
        digest="",
        authority=_Nobody(),
        credentials={},
        deployments={"example": deployment},
    )
    return Call(
        id="call-of-a-test",
        received_us=time.time_ns() // 1000,
        started_ns=time.monotonic_ns(),
        dialect="openai",
        endpoint="example",
        request=request,
        snapshot=snapshot,
        deployment=deployment,
    )


async def answer(
    runner: Runner, request: ChatRequest | TensorRequest, *, deadline_ms: int = 10_000
) -> list[Chunk]:
    """Return all chunks that *runner* gives to *request*, or raise what it raises."""
    call = make_call(runner, request, deadline_ms=deadline_ms)
    return [chunk async for chunk in runner.send(call)]


def summary(chunks: list[Chunk]) -> Outcome:
    """Return the outcome that the governed path would gather from *chunks*."""
    outcome = Outcome()
    for chunk in chunks:
        outcome.add(chunk, time.monotonic_ns())
    return outcome


def finish_with(opened: Opened, work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on a loop of its own, then close *opened*; return what it returned."""

    async def go() -> T:
        try:
            return await work
        finally:
            await opened.runner.close()
            await opened.provider.close()

    return asyncio.run(go())


class ProviderContract:
    """Subclass me, and give me these fixtures, each an `Opened`.

    - `working`: answers; the same request gets the same answer.
    - `broken`: fails at every call, as when its upstream is down.
    - `silent`: takes the call and never answers. None if nothing is upstream.
    - `cut`: begins to answer and stops half-way. None if nothing is upstream.

    Set `reports_usage` to False for a provider that counts no tokens, and override
    `request` if it is not asked by chat.
    """

    reports_usage: ClassVar[bool] = True
    patience_s: ClassVar[float] = 10.0
    """How late an end at the deadline may be on a machine that does much else."""

    def request(self, text: str, *, stream: bool = False) -> Any:
        """Return a request; a different *text* makes a different answer."""
        return chat_request(text, stream=stream)

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_the_last_chunk_says_that_it_is_the_last(
        self, working: Opened, stream: bool
    ) -> None:
        """An answer has one finish, on its last chunk."""
        work = answer(working.runner, self.request("hello", stream=stream))

        chunks = finish_with(working, work)

        assert [bool(c.finish) for c in chunks] == [False] * (len(chunks) - 1) + [True]

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_usage_is_there_when_the_provider_reports_it(
        self, working: Opened, stream: bool
    ) -> None:
        """What was counted upstream arrives; nothing is counted in its place."""
        work = answer(working.runner, self.request("hello", stream=stream))

        counted = [c.usage for c in finish_with(working, work) if c.usage is not None]

        assert bool(counted) == self.reports_usage
        assert all(u.input_tokens > 0 and u.output_tokens > 0 for u in counted)

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_a_failure_is_a_provider_error(self, broken: Opened, stream: bool) -> None:
        """Nothing foreign escapes, so that a fallback need catch one type only."""
        work = answer(broken.runner, self.request("hello", stream=stream))

        with pytest.raises(ProviderError) as raised:
            finish_with(broken, work)

        assert raised.value.message

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_silence_ends_at_the_deadline(
        self, silent: Opened | None, stream: bool
    ) -> None:
        """Nobody waits longer than the endpoint promises."""
        if silent is None:
            pytest.skip("there is no upstream that could fall silent")
        request = self.request("hello", stream=stream)
        start = time.monotonic()

        with pytest.raises(TimedOut):
            finish_with(silent, answer(silent.runner, request, deadline_ms=300))

        assert 0.25 < time.monotonic() - start < self.patience_s

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_a_cut_answer_is_never_finished(
        self, cut: Opened | None, stream: bool
    ) -> None:
        """No finish and no usage is invented for an answer that stopped half-way."""
        if cut is None:
            pytest.skip("there is no upstream that could cut the answer")
        request, seen = self.request("hello", stream=stream), list[Chunk]()

        async def read() -> None:
            async for chunk in cut.runner.send(make_call(cut.runner, request)):
                seen.append(chunk)

        with pytest.raises(ProviderError):
            finish_with(cut, read())

        assert all(c.finish is None and c.usage is None for c in seen)

    def test_answers_to_concurrent_calls_do_not_mix(self, working: Opened) -> None:
        """Each of many callers at once gets what it would have got alone."""
        requests = [
            self.request(f"{word} {n}", stream=n % 2 == 1)
            for n, word in enumerate(("refund", "parcel", "invoice") * 4)
        ]

        async def both() -> tuple[list[Any], list[Any]]:
            alone = [_said(await answer(working.runner, r)) for r in requests]
            together = await asyncio.gather(
                *(answer(working.runner, r) for r in requests)
            )
            return alone, [_said(chunks) for chunks in together]

        alone, together = finish_with(working, both())

        assert together == alone

    def test_a_caller_who_leaves_early_harms_nobody(self, working: Opened) -> None:
        """After an answer was abandoned, the next call is answered as ever."""
        request = self.request("hello", stream=True)

        async def leave_then_ask() -> list[Chunk]:
            call = make_call(working.runner, request)
            async with aclosing(working.runner.send(call)) as chunks:
                await anext(chunks)
            return await answer(working.runner, request)

        chunks = finish_with(working, leave_then_ask())

        assert chunks[-1].finish

    def test_closing_is_clean_and_may_be_repeated(self, working: Opened) -> None:
        """No task and no complaint of the event loop is left behind."""
        complaints = list[dict[str, Any]]()

        async def use_and_close() -> int:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            await answer(working.runner, self.request("hello"))
            for _ in range(2):
                await working.runner.close()
                await working.provider.close()
            return len(asyncio.all_tasks())

        tasks = asyncio.run(use_and_close())

        assert (tasks, complaints) == (1, [])

    def test_closing_what_was_never_used_is_fine(self, working: Opened) -> None:
        """A version that is followed before its first call makes no fuss."""
        facts = working.runner.metadata()

        finish_with(working, asyncio.sleep(0))

        assert isinstance(facts, dict)


def _said(chunks: list[Chunk]) -> tuple[str, Any, str]:
    outcome = summary(chunks)
    return "".join(outcome.text), outcome.tensors, outcome.finish
