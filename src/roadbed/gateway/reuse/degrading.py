"""What an endpoint answers when no upstream does: what its terms say, and marked so."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from roadbed.access.steps import ANSWER
from roadbed.core.errors import RoadbedError, Truncated
from roadbed.gateway.reuse.cached import again
from roadbed.gateway.reuse.need import is_outage
from roadbed.inference.call import Call, Chunk, Outcome
from roadbed.inference.chat import ChatRequest, CountRequest
from roadbed.inference.path import Attempt
from roadbed.inference.snapshot import Choice, Deployment, Upstream
from roadbed.inference.terms import Degrade

HEADER = "x-roadbed-degraded"


class Degrading:
    """Asks *inner*; if that comes to nothing, does what the endpoint's terms say.

    *ask* asks a smaller model, without a cache between; *oldest* returns what was
    answered before. What a provider refused as it stands is not asked again, and an
    answer that the caller has seen the beginning of is never replaced.
    """

    def __init__(
        self,
        inner: Attempt,
        ask: Attempt,
        oldest: Callable[[Call], Sequence[Chunk] | None],
    ) -> None:
        self._inner = inner
        self._ask = ask
        self._oldest = oldest

    def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer, or what stands in for it."""
        if call.deployment is None or not call.deployment.terms.degrade:
            return self._inner(call, outcome)
        return self._answer(call, outcome, call.deployment)

    async def _answer(
        self, call: Call, outcome: Outcome, deployment: Deployment
    ) -> AsyncGenerator[Chunk]:
        try:
            found = held_back(self._inner(call, outcome), is_outage)
            async with aclosing(found) as answer:
                async for chunk in answer:
                    yield chunk
            return
        except NothingSaid as nothing:
            cause = nothing.cause
        for way in deployment.terms.degrade:
            if (answer := self._instead(call, outcome, way)) is None:
                continue
            try:
                async with aclosing(held_back(answer, _any)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except NothingSaid:
                call.deployment = deployment
                outcome.degraded, outcome.cache = "", ""
                call.told.pop(HEADER, None)
        raise cause

    def _instead(
        self, call: Call, outcome: Outcome, way: Degrade
    ) -> AsyncGenerator[Chunk] | None:
        """Return what *way* answers; None if it has nothing to say to this call."""
        if way.stale:
            return self._stale(call, outcome)
        if way.model is not None:
            return self._smaller(call, outcome, way.model)
        if not _is_conversation(call):
            return None
        _mark(call, outcome, "message")
        return again([Chunk(text=way.message, finish="stop")])

    def _stale(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk] | None:
        chunks = self._oldest(call)
        if chunks is None:
            return None
        outcome.cache = "stale"
        _mark(call, outcome, "stale")
        return again(chunks)

    def _smaller(
        self, call: Call, outcome: Outcome, pin: str
    ) -> AsyncGenerator[Chunk] | None:
        """Ask the version *pin*, if it is loaded and the caller may use it."""
        deployment = call.deployment
        assert deployment is not None
        choice = deployment.smaller.get(pin)
        if choice is None:
            return None
        places = _allowed(call, deployment, choice)
        if not places:
            return None
        allowed = replace(choice, upstreams=places)
        call.deployment = replace(deployment, choices=(allowed,))
        _mark(call, outcome, f"model:{pin}")
        return self._ask(call, outcome)


class NothingSaid(Exception):
    """An answer came to nothing before the caller saw any of it."""

    def __init__(self, cause: RoadbedError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def held_back(
    answer: AsyncGenerator[Chunk], helpless: Callable[[RoadbedError], bool]
) -> AsyncGenerator[Chunk]:
    """Yield *answer* from its first content on; raise NothingSaid if it has none.

    An error that is not *helpless* is raised as it is. Pieces without content are held
    back until there is some: once the caller has seen them, nothing else could be
    answered.
    """
    held: list[Chunk] = []
    async with aclosing(answer) as chunks:
        try:
            async for chunk in chunks:
                held.append(chunk)
                if says(chunk):
                    break
            else:
                raise Truncated("the provider stopped before it had said anything")
        except RoadbedError as error:
            if helpless(error):
                raise NothingSaid(error) from None
            raise
        for chunk in held:
            yield chunk
        async for chunk in chunks:
            yield chunk


def says(chunk: Chunk) -> bool:
    """Say whether *chunk* has content, or ends the answer."""
    return bool(
        chunk.text
        or chunk.thinking
        or chunk.refusal
        or chunk.tools
        or chunk.tensors
        or chunk.vectors
        or chunk.ranking
        or chunk.finish
    )


def _mark(call: Call, outcome: Outcome, words: str) -> None:
    outcome.degraded = words
    call.told[HEADER] = words


def _is_conversation(call: Call) -> bool:
    request = call.request
    return isinstance(request, ChatRequest) and not isinstance(request, CountRequest)


def _any(error: RoadbedError) -> bool:
    return True


def _allowed(
    call: Call, deployment: Deployment, choice: Choice
) -> tuple[Upstream, ...]:
    """Return where the caller may have *choice* asked."""
    caller, authority = call.principal, call.snapshot.authority
    assert caller is not None

    def may(region: str) -> bool:
        target = deployment.target_of(choice, region)
        return authority.decide(caller, ANSWER, target).allowed

    return tuple(place for place in choice.upstreams if may(place.region))
