"""How far one call has come along its versions: whom to ask next, and what to tell."""

from collections.abc import Iterator, Sequence
from random import Random

from roadbed.core.errors import ProviderError, RateLimited, RoadbedError
from roadbed.gateway.attempts.allowance import Allowance
from roadbed.gateway.attempts.balance import pick
from roadbed.gateway.attempts.decide import (
    Ahead,
    FallBack,
    GiveUp,
    Plan,
    Retry,
    Walk,
    decide,
    failure_of,
)
from roadbed.gateway.attempts.health import Healths, Place
from roadbed.gateway.attempts.permission import places_for, refusal
from roadbed.gateway.attempts.trial import Fallen
from roadbed.inference.call import Call
from roadbed.inference.snapshot import Choice

_PATIENCE = "the provider asked for patience, and its time is not over"


class Journey:
    """One call on its way along *choices*.

    `at` is the choice that is asked now. `failures` are the errors of all attempts
    that came to nothing, in order, each with the place that it came from.
    """

    __slots__ = (
        "_allowance", "_asked", "_call", "_choices", "_excluded", "_healths", "_here",
        "_places", "_random", "at", "failures", "plan",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        choices: Sequence[Choice],
        healths: Healths,
        allowance: Allowance,
        random: Random,
    ) -> None:
        assert call.deployment is not None
        retries = call.deployment.terms.retries
        self._call, self._choices = call, choices
        self._healths, self._allowance, self._random = healths, allowance, random
        self.at = 0
        self.failures: list[tuple[Place | None, RoadbedError]] = []
        self.plan = Plan(
            attempts=retries.attempts,
            backoff_s=retries.backoff_ms / 1e3,
            deadline_s=call.started_ns / 1e9 + call.deployment.deadline_ms / 1e3,
        )
        self._here = 0
        self._asked: set[int] = set()
        self._excluded: set[int] = set()
        self._places: dict[int, Sequence[Place]] = {}

    def next(self, now_s: float) -> Place:
        """Return whom to ask now; raise RateLimited if all asked to be left alone.

        Raises Denied if the caller may ask none of them.
        """
        for at in range(self.at, len(self._choices)):
            if ready := self._ready(at, now_s):
                self._move(at)
                return self._picked(ready)
        return self._in_need(now_s)

    def went(self, place: Place) -> Place:
        """Note that *place* is asked, and return it."""
        self._asked.add(id(place))
        self._here += 1
        return place

    def second(self, now_s: float) -> Place | None:
        """Return whom to ask besides the one that is being asked, if anybody."""
        for at in range(self.at, len(self._choices)):
            ready = [p for p in self._ready(at, now_s) if id(p) not in self._asked]
            if ready and self._allowance.has(now_s):
                self._allowance.take(now_s)
                return self._picked(ready)
        return None

    def failed(
        self, place: Place | None, error: RoadbedError, now_s: float
    ) -> Retry | FallBack | GiveUp:
        """Take in that *place* failed with *error*, and return what to do.

        *place* is None if nobody could be asked.
        """
        failure = failure_of(error, first=self.at == 0 and not self.failures)
        self.failures.append((place, error))
        if place is not None and failure.hope in ("place", "version"):
            self._excluded.add(id(place))
        walk = Walk(spent=len(self._call.attempts), here=self._here)
        ahead, chance = self._ahead(now_s), self._random.random()
        action = decide(self.plan, walk, failure, ahead, now_s, chance)
        if isinstance(action, Retry) and place is not None:
            self._allowance.take(now_s)
        if isinstance(action, FallBack):
            self._move(self.at + 1)
        return action

    def note(self, fallen: Fallen) -> None:
        """Take in failures that nothing has to be decided on: another goes on."""
        for trial, error in fallen:
            self._excluded.add(id(trial.place))
            self.failures.append((trial.place, error))

    def ahead(self, now_s: float) -> int:
        """Return how many later versions may still be asked."""
        later = range(self.at + 1, len(self._choices))
        return sum(any(self._askable(at, now_s)) for at in later)

    def left(self, now_s: float) -> int:
        """Return how many more may be asked after the attempt that begins now."""
        fresh = [p for p in self._ready(self.at, now_s) if id(p) not in self._asked]
        more = self.plan.attempts - len(self._call.attempts) - 1
        return max(0, min(len(fresh) + self.ahead(now_s), more))

    def cause(self, now_s: float) -> RoadbedError:
        """Return the first failure, with all of them as its chain."""
        first = self.failures[0][1]
        if isinstance(first, ProviderError):
            first.chain = self.chain()
            if first.retry_after_s is None:
                first.retry_after_s = self._patience_s(now_s)
        return first

    def chain(self) -> tuple[str, ...]:
        """Return what happened where, one line for each attempt that failed."""
        return tuple(line(place, error) for place, error in self.failures)

    def _ahead(self, now_s: float) -> Ahead:
        fresh = [p for p in self._ready(self.at, now_s) if id(p) not in self._asked]
        return Ahead(
            sibling=bool(fresh),
            choices=self.ahead(now_s),
            allowed=self._allowance.has(now_s),
        )

    def _move(self, at: int) -> None:
        if at != self.at:
            self.at, self._here = at, 0

    def _picked(self, ready: list[Place]) -> Place:
        """Return one of *ready*, one that was not asked before if there is one."""
        fresh = [place for place in ready if id(place) not in self._asked] or ready
        return self.went(pick(fresh, fresh[0].choice.balance, self._random))

    def _in_need(self, now_s: float) -> Place:
        """Return whom to ask when nobody is ready: a breaker alone refuses no call."""
        left = [
            place
            for at in range(self.at, len(self._choices))
            for place in self._askable(at, now_s)
        ]
        if left:
            place = min(left, key=lambda p: p.health.breaker.ready_in_s(now_s))
            self._move(self._choices.index(place.choice))
            return self._picked([place])
        wait_s = self._patience_s(now_s)
        if wait_s is None:
            raise refusal(self._call, self._choices)
        raise RateLimited(_PATIENCE, retry_after_s=wait_s)

    def _allowed(self, at: int) -> Sequence[Place]:
        """Return where the choice *at* may be asked, whether or not anybody is well."""
        if at not in self._places:
            choice = self._choices[at]
            self._places[at] = places_for(self._call, choice, self._healths)
        return self._places[at]

    def _askable(self, at: int, now_s: float) -> Iterator[Place]:
        for place in self._allowed(at):
            asked_for_s = place.health.breaker.asked_for_s(now_s)
            if not asked_for_s and id(place) not in self._excluded:
                yield place

    def _ready(self, at: int, now_s: float) -> list[Place]:
        return [p for p in self._askable(at, now_s) if p.health.breaker.ready(now_s)]

    def _patience_s(self, now_s: float) -> float | None:
        """Return how long until one of those who asked for patience may be asked."""
        waits = [
            wait_s
            for places in self._places.values()
            for place in places
            if (wait_s := place.health.breaker.asked_for_s(now_s))
        ]
        return min(waits, default=None)


def line(place: Place | None, error: RoadbedError) -> str:
    """Return what *error* was at *place*, in the words of the chain."""
    status = getattr(error, "upstream_status", 0)
    what = f"{error.code} ({status})" if status else error.code
    if place is None:
        return f"nobody asked: {what}"
    return f"{place}: {what}"
