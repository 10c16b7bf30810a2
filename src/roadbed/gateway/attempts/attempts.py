"""Asks the versions of an endpoint until one answers, within what its terms allow."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from random import Random

from roadbed.core.errors import ProviderError, RateLimited, RoadbedError, Truncated
from roadbed.gateway.attempts.allowance import Allowance
from roadbed.gateway.attempts.decide import GiveUp, Retry, may_hedge, share_s
from roadbed.gateway.attempts.health import Health, Healths, Place
from roadbed.gateway.attempts.journey import Journey, line
from roadbed.gateway.attempts.race import race
from roadbed.gateway.attempts.trial import UNFINISHED, Fallen, Tools, Trial
from roadbed.inference.call import Call, Chunk, Outcome
from roadbed.inference.purse import FreeOfCharge, Purse
from roadbed.inference.snapshot import Choice, Upstream

Sleep = Callable[[float], Awaitable[None]]


class Attempts:
    """What waits for an answer, at one upstream after another.

    An `inference.path.Attempt`. Until there is something to show, a failure may lead
    to another attempt; from then on the caller has begun to read one answer, and gets
    that one or is told that it broke. Used from one event loop only.
    """

    def __init__(
        self,
        purse: Purse | None = None,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._tools = Tools(purse or FreeOfCharge(), now_s)
        self._sleep = sleep
        self._random = random or Random()
        self._healths = Healths()
        self._allowances: dict[str, Allowance] = {}

    def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer of the version that is served, or of a fallback.

        A caller who named the version gets that one or none.
        """
        if call.deployment is None:
            raise RoadbedError("no step resolved the endpoint")
        choices = call.deployment.choices
        named = call.number is not None
        return self.among(call, outcome, choices[:1] if named else choices)

    async def among(
        self, call: Call, outcome: Outcome, choices: Sequence[Choice]
    ) -> AsyncGenerator[Chunk]:
        """Yield the answer of the first of *choices* that gives one.

        Raises the first failure, with the others in its `chain`, if none does.
        """
        self._count(call)
        place = self._plain(call, choices)
        if place is None:
            trial = await self._begun(self._journey(call, choices), call, outcome)
        else:
            trial = await self._begun_plain(place, choices, call, outcome)
        ended: BaseException | None = None
        try:
            for chunk in trial.held:
                yield chunk
            async for chunk in trial.chunks:
                trial.take(chunk)
                yield chunk
            if not trial.finished:
                raise Truncated(UNFINISHED)
        except BaseException as error:
            ended = error
            if isinstance(error, ProviderError):
                error.chain = (*trial.before, line(trial.place, error))
            raise
        finally:
            trial.end(ended)
            if ended is not None:
                await trial.chunks.aclose()

    def upstreams(self) -> Iterator[tuple[Upstream, Health]]:
        """Yield every upstream that was asked, and how it does, for metrics."""
        return iter(self._healths)

    def _count(self, call: Call) -> None:
        """Let the call earn its endpoint a part of a retry."""
        snapshot, deployment = call.snapshot, call.deployment
        assert deployment is not None
        if snapshot is not self._healths.snapshot and self._healths.keep(snapshot):
            known, served = self._allowances, snapshot.deployments
            self._allowances = {k: v for k, v in known.items() if k in served}
        allowance = self._allowances.get(deployment.endpoint)
        if allowance is None:
            allowance = Allowance(self._tools.now_s())
            self._allowances[deployment.endpoint] = allowance
        allowance.called(deployment.terms.retries.budget_percent)

    def _plain(self, call: Call, choices: Sequence[Choice]) -> Place | None:
        """Return the one place that there is, if there is nothing to choose."""
        deployment, first = call.deployment, choices[0]
        if deployment is None or len(choices) > 1 or len(first.upstreams) > 1:
            return None
        for place in self._healths.places(first):
            # This very place was decided upon when the call was let in.
            decided = first is deployment.choices[0]
            if decided and place.upstream.region == deployment.region:
                now_s = self._tools.now_s()
                return place if place.health.breaker.ready(now_s) else None
        return None

    def _journey(self, call: Call, choices: Sequence[Choice]) -> Journey:
        assert call.deployment is not None
        allowance = self._allowances[call.deployment.endpoint]
        return Journey(call, choices, self._healths, allowance, self._random)

    async def _begun_plain(
        self, place: Place, choices: Sequence[Choice], call: Call, outcome: Outcome
    ) -> Trial:
        """Return an attempt at *place* that has something to show, or go the long way.

        Most calls end here: no journey is made for them, and no timer.
        """
        trial = Trial(call, outcome, place, self._tools)
        try:
            await trial.begin()
        except RoadbedError as error:
            failure = error
        else:
            return trial
        journey = self._journey(call, choices)
        await self._after(journey, journey.went(place), failure, call)
        return await self._begun(journey, call, outcome)

    async def _begun(self, journey: Journey, call: Call, outcome: Outcome) -> Trial:
        """Return an attempt that has something to show, or raise the first cause."""
        while True:
            try:
                place = journey.next(self._tools.now_s())
            except RateLimited as error:
                await self._after(journey, None, error, call)
                continue
            won, fallen = await self._ask(journey, place, call, outcome)
            if won is not None:
                journey.note(fallen)
                won.before = journey.chain()
                return won
            *before, (last, error) = fallen
            journey.note(before)
            await self._after(journey, last.place, error, call)

    async def _ask(
        self, journey: Journey, place: Place, call: Call, outcome: Outcome
    ) -> tuple[Trial | None, Fallen]:
        """Ask at *place*, and at a second one if it is slow and the terms say so."""
        assert call.deployment is not None
        terms = call.deployment.terms
        trial = Trial(call, outcome, place, self._tools)
        share = self._share_s(journey, call)
        if terms.hedge is not None and self._may_hedge(journey, call):

            def other() -> Trial | None:
                second = journey.second(self._tools.now_s())
                if second is None:
                    return None
                return Trial(call, outcome, second, self._tools, hedge=True)

            return await race(trial, other, terms.hedge.after_ms / 1e3, share)
        try:
            await trial.begin(share)
        except RoadbedError as error:
            return None, [(trial, error)]
        return trial, []

    async def _after(
        self, journey: Journey, place: Place | None, error: RoadbedError, call: Call
    ) -> None:
        """Wait as long as was decided, or raise the first cause."""
        now_s = self._tools.now_s()
        if place is not None:
            call.mark("failed")
        action = journey.failed(place, error, now_s)
        if isinstance(action, GiveUp):
            raise journey.cause(now_s)
        if isinstance(action, Retry) and action.after_s:
            await self._wait_until(now_s + action.after_s)
            call.mark("wait")

    async def _wait_until(self, moment_s: float) -> None:
        """Wait until *moment_s*, not less: some loops wake up a little early."""
        while (left_s := moment_s - self._tools.now_s()) > 0:
            await self._sleep(left_s)

    def _share_s(self, journey: Journey, call: Call) -> float | None:
        assert call.deployment is not None
        now_s = self._tools.now_s()
        ahead = journey.left(now_s)
        if not ahead:
            return None
        first_ms = call.deployment.terms.deadlines.first_token_ms
        return share_s(
            journey.plan.deadline_s - now_s,
            ahead,
            first_ms / 1e3 if first_ms else None,
            streams=getattr(call.request, "stream", False),
        )

    def _may_hedge(self, journey: Journey, call: Call) -> bool:
        size = len(call.body)
        return may_hedge(
            journey.plan, len(call.attempts) + 1, size, tools=_has_tools(call)
        )


def _has_tools(call: Call) -> bool:
    """Say whether the caller offers tools, in any dialect's words."""
    fields = getattr(call.request, "fields", {})
    return "tools" in fields or "functions" in fields
