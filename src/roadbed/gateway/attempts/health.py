"""What is remembered of every upstream from call to call, and from swap to swap."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from roadbed.gateway.attempts.breaker import Breaker
from roadbed.inference.snapshot import Choice, Snapshot, Upstream

DECAY_S = 10.0


class Health:
    """How one upstream does: its breaker, its load, and how fast it answered lately.

    `cost_s` is a peak-sensitive moving average of the time until an answer began: a
    slow answer counts at once, and is forgotten over seconds.
    """

    __slots__ = ("_seen_s", "breaker", "cost_s", "under_way")

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.under_way = 0
        self.cost_s = 0.0
        self._seen_s = 0.0

    def observe(self, took_s: float, now_s: float) -> None:
        """Take in that an answer began after *took_s*."""
        if took_s >= self.cost_s:
            self.cost_s = took_s
        else:
            old = math.exp((self._seen_s - now_s) / DECAY_S)
            self.cost_s = self.cost_s * old + took_s * (1 - old)
        self._seen_s = now_s


class Place(NamedTuple):
    """One upstream of one version, how it does, and what both are called."""

    choice: Choice
    upstream: Upstream
    health: Health
    model: str
    name: str

    def __str__(self) -> str:
        return f"{self.model} at {self.name}"


class Healths:
    """The health of every upstream that is served.

    An upstream is known by its runner: a swap keeps the runner of what did not change,
    and with it what was learned. What is served no longer is forgotten: `snapshot` is
    the one that says what is served.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Upstream, Health]] = {}
        self._places: dict[int, tuple[Place, ...]] = {}
        self.snapshot: Snapshot | None = None

    def of(self, upstream: Upstream) -> Health:
        """Return the health of *upstream*."""
        found = self._known.get(id(upstream.runner))
        if found is None:
            # Keeping the upstream keeps its runner, so that no other gets its id.
            found = self._known[id(upstream.runner)] = upstream, Health()
        return found[1]

    def places(self, choice: Choice) -> tuple[Place, ...]:
        """Return the places of *choice*: the same ones for as long as it is served."""
        found = self._places.get(id(choice))
        if found is None or found[0].choice is not choice:
            model = str(choice.version)
            found = self._places[id(choice)] = tuple(
                Place(choice, up, self.of(up), model, str(up))
                for up in choice.upstreams
            )
        return found

    def keep(self, snapshot: Snapshot) -> bool:
        """Forget what *snapshot* does not serve; return whether it is a new one."""
        before = self.snapshot
        if snapshot is before or (before and snapshot.revision < before.revision):
            return False
        self.snapshot = snapshot
        self._places = {}
        served = {id(upstream.runner) for upstream in _served(snapshot)}
        self._known = {k: v for k, v in self._known.items() if k in served}
        return True

    def __iter__(self) -> Iterator[tuple[Upstream, Health]]:
        """Yield every upstream that was asked, and how it does."""
        return iter(list(self._known.values()))


def _served(snapshot: Snapshot) -> Iterator[Upstream]:
    for deployment in snapshot.deployments.values():
        for choice in deployment.loaded:
            yield from choice.upstreams
