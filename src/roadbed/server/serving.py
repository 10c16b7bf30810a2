"""The snapshot that new calls see, and the older ones that calls still use."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from roadbed.core.errors import NotReady
from roadbed.inference.snapshot import Snapshot


class Generation:
    """One snapshot and the number of calls that are under way on it."""

    __slots__ = ("calls", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.calls = 0


class Serving:
    """Swaps snapshots whole, and hands back runners that nothing uses any more.

    All methods run on the event loop's thread; reading `snapshot` is safe from
    anywhere. `discard` is given the runners to close.
    """

    def __init__(self, discard: Callable[[list[Any]], None]) -> None:
        self._discard = discard
        self._current: Generation | None = None
        self._older: list[Generation] = []

    @property
    def ready(self) -> bool:
        """Say whether there is a snapshot to serve from."""
        return self._current is not None

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that new calls see; NotReady before the first one."""
        if self._current is None:
            raise NotReady("the server is starting and has no snapshot yet")
        return self._current.snapshot

    @property
    def previous(self) -> Snapshot | None:
        """Return the snapshot that is served now, or None before the first one."""
        return self._current.snapshot if self._current else None

    def swap(self, snapshot: Snapshot) -> None:
        """Show *snapshot* to every call that starts from now on."""
        if self._current is not None:
            self._older.append(self._current)
        self._current = Generation(snapshot)
        self._sweep()

    @contextmanager
    def borrow(self) -> Iterator[Snapshot]:
        """Lend the current snapshot; its runners stay open until it is given back."""
        generation = self._current
        if generation is None:
            raise NotReady("the server is starting and has no snapshot yet")
        generation.calls += 1
        try:
            yield generation.snapshot
        finally:
            generation.calls -= 1
            if not generation.calls and generation is not self._current:
                self._sweep()

    def _sweep(self) -> None:
        idle = [g for g in self._older if not g.calls]
        if not idle:
            return
        self._older = [g for g in self._older if g.calls]
        alive = [g.snapshot for g in self._older]
        if self._current is not None:
            alive.append(self._current.snapshot)
        unused = unused_runners([g.snapshot for g in idle], alive)
        if unused:
            self._discard(unused)


def unused_runners(gone: Iterable[Snapshot], alive: Iterable[Snapshot]) -> list[Any]:
    """Return the runners of the *gone* snapshots that no *alive* one uses, once each.

    Runners are compared by identity: an unchanged version keeps its runner.
    """
    used = {id(d.runner) for s in alive for d in s.deployments.values()}
    found = {id(d.runner): d.runner for s in gone for d in s.deployments.values()}
    return [runner for key, runner in found.items() if key not in used]
