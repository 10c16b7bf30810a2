"""Answers what was asked before with what was answered before."""

import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from roadbed.core.errors import Invalid, ProviderError, RoadbedError
from roadbed.gateway.reuse.flight import Flight
from roadbed.gateway.reuse.likeness import Form, form_of, key_of, may_be_kept
from roadbed.gateway.reuse.need import is_outage
from roadbed.gateway.reuse.shelf import Kept, Shelf
from roadbed.inference.call import Call, Chunk, Outcome
from roadbed.inference.chat import ChatRequest
from roadbed.inference.path import Attempt
from roadbed.inference.terms import Cache, Terms

HEADER = "x-roadbed-cache"
_WHOLE = frozenset({"stop", "length", "tool_calls"})
_IN_NEED = Cache(ttl_s=1, shared=False)
"""How an endpoint without a cache keeps what it answers for the time of need."""
_PATIENCE = 4
"""How often a call looks for an answer; the last time it asks itself."""


class NotOurs(Exception):
    """The call that was waited for failed for reasons of its own."""


class Cached:
    """Asks *inner* once for all that ask the same, and keeps the answer.

    Equal calls that come while the first is under way share its answer. One that was
    kept is given as long as it is fresh, and when no upstream answers also after that,
    for as long as the endpoint's terms say. Whoever comes here was let in already, so
    an answer is given to nobody who might not have asked for it.
    """

    def __init__(
        self,
        inner: Attempt,
        shelf: Shelf,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._shelf = shelf
        self._now_s = now_s
        self._flights: dict[tuple[bytes, Form], Flight] = {}

    def __call__(self, call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        """Yield the answer: a kept one, one that is under way, or a new one."""
        rule = rule_of(call)
        if rule is None or not may_be_kept(call, rule):
            return self._inner(call, outcome)
        key = key_of(call, rule)
        if rule is _IN_NEED:
            return self._note(call, outcome, key)
        if rule.stale_s or (key, form_of(call)) in self._flights:
            return self._share(call, outcome, key, rule)
        # Nobody else is waited for, and nothing old may stand in: no more is needed.
        return self._source(call, outcome, key, rule, waits=False)

    def oldest(self, call: Call) -> tuple[Chunk, ...] | None:
        """Return what was answered to *call* before, however long ago; None if nothing.

        Marks the call as told of it.
        """
        rule = rule_of(call)
        if rule is None or not may_be_kept(call, rule):
            return None
        return self._kept(call, key_of(call, rule), math.inf, "stale")

    async def _note(
        self, call: Call, outcome: Outcome, key: bytes
    ) -> AsyncGenerator[Chunk]:
        """Ask anew, and keep the answer for when no upstream answers."""
        chunks: list[Chunk] = []
        async with aclosing(self._inner(call, outcome)) as answer:
            async for chunk in answer:
                chunks.append(chunk)
                yield chunk
        self._keep(call, key, chunks, _IN_NEED)

    async def _share(
        self, call: Call, outcome: Outcome, key: bytes, rule: Cache
    ) -> AsyncGenerator[Chunk]:
        """Yield an answer, an old one if there is no other."""
        begun = False
        try:
            async with aclosing(self._fresh(call, outcome, key, rule)) as answer:
                async for chunk in answer:
                    begun = True
                    yield chunk
            return
        except ProviderError as error:
            kept = self._instead(call, key, rule, error) if not begun else None
            if kept is None:
                raise
        outcome.cache = "stale"
        for chunk in kept:
            yield chunk

    async def _fresh(
        self, call: Call, outcome: Outcome, key: bytes, rule: Cache
    ) -> AsyncGenerator[Chunk]:
        """Yield a fresh answer, wherever it comes from."""
        for left in reversed(range(_PATIENCE)):
            source = self._source(call, outcome, key, rule, waits=left > 0)
            try:
                async with aclosing(source) as answer:
                    async for chunk in answer:
                        yield chunk
                return
            except NotOurs:
                continue

    def _source(
        self, call: Call, outcome: Outcome, key: bytes, rule: Cache, *, waits: bool
    ) -> AsyncGenerator[Chunk]:
        """Return what was kept, or the flight under way if the call *waits*, or ask."""
        kept = self._kept(call, key, rule.ttl_s, "hit")
        if kept is not None:
            outcome.cache = "hit"
            return again(kept)
        if waits:
            flight = self._flights.get((key, form_of(call)))
            if flight is not None and flight.open:
                return self._follow(call, outcome, flight)
        return self._lead(call, outcome, key, rule)

    def _lead(
        self, call: Call, outcome: Outcome, key: bytes, rule: Cache
    ) -> AsyncGenerator[Chunk]:
        """Begin a flight, for all that ask the same meanwhile."""
        place = key, form_of(call)

        def landed(flight: Flight) -> None:
            if self._flights.get(place) is flight:
                del self._flights[place]
            if flight.error is None:
                self._keep(call, key, flight.chunks, rule)

        call.told.pop("age", None)
        call.told[HEADER] = "miss"
        flight = Flight(call, self._inner(call, outcome), landed)
        self._flights[place] = flight
        return flight.read()

    async def _follow(
        self, call: Call, outcome: Outcome, flight: Flight
    ) -> AsyncGenerator[Chunk]:
        """Yield the answer that another call has asked for.

        Raises NotOurs if that call could not ask: its budget, not ours, was spent.
        """
        outcome.cache = "hit"
        call.told |= {HEADER: "hit", "age": "0"}
        flight.call.followers += 1
        begun = False
        try:
            async with aclosing(flight.read()) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
        except RoadbedError as error:
            outcome.cache = ""
            if begun or isinstance(error, ProviderError):
                raise
            raise NotOurs from None
        finally:
            flight.call.followers -= 1

    def _keep(
        self, call: Call, key: bytes, chunks: Sequence[Chunk], rule: Cache
    ) -> None:
        """Keep an answer, if it is whole and the served version's own."""
        if _is_whole(chunks, rule) and _is_own(call):
            self._shelf.put(key, chunks, form_of(call), self._now_s())

    def _instead(
        self, call: Call, key: bytes, rule: Cache, error: ProviderError
    ) -> Sequence[Chunk] | None:
        if not rule.stale_s or not is_outage(error):
            return None
        return self._kept(call, key, rule.ttl_s + rule.stale_s, "stale")

    def _kept(
        self, call: Call, key: bytes, most_s: float, word: str
    ) -> tuple[Chunk, ...] | None:
        """Return what is kept under *key* and not older than *most_s*."""
        kept = self._shelf.find(key)
        age_s = self._now_s() - kept.at_s if kept else math.inf
        if kept is None or age_s > most_s:
            return None
        chunks = in_form(call, kept)
        if chunks is not None:
            call.told |= {HEADER: word, "age": str(int(age_s))}
        return chunks


def rule_of(call: Call) -> Cache | None:
    """Return how the answer to *call* is kept, None if it is not.

    An endpoint that falls back on what was answered before keeps answers for that.
    """
    terms = call.deployment.terms if call.deployment else Terms()
    if terms.cache is None and any(way.stale for way in terms.degrade):
        return _IN_NEED
    return terms.cache


def in_form(call: Call, kept: Kept) -> tuple[Chunk, ...] | None:
    """Return *kept* so that it can be written in the form that *call* wants.

    In another form than it came in it goes through the inner one; None if that has no
    words for all that the call asks.
    """
    if form_of(call) == kept.form:
        return kept.chunks
    if not isinstance(call.request, ChatRequest):
        return None
    try:
        unsaid = call.request.conversation().unsaid
    except Invalid:
        return None
    return None if unsaid else plain(kept.chunks)


async def again(chunks: Sequence[Chunk]) -> AsyncGenerator[Chunk]:
    """Yield *chunks*."""
    for chunk in chunks:
        yield chunk


def plain(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    """Return *chunks* without what they looked like in a provider's dialect."""
    return tuple(replace(chunk, raw=None, dialect="") for chunk in chunks)


def _is_whole(chunks: Sequence[Chunk], rule: Cache) -> bool:
    """Say whether an answer is one to be kept: finished, said freely, about no tool."""
    finish, used = "", False
    for chunk in chunks:
        if chunk.refusal:
            return False
        if chunk.tools:
            used = True
        if chunk.finish:
            finish = chunk.finish
    used = used or finish == "tool_calls"
    return finish in _WHOLE and (rule.tools or not used)


def _is_own(call: Call) -> bool:
    """Say whether the version that is served gave the answer, and no fallback."""
    assert call.deployment is not None
    served = call.deployment.choices[0].name
    return not {a.model for a in call.attempts if a.status == "ok"} - {served}
