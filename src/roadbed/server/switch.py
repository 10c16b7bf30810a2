"""The picture that new calls see, and the older ones that calls still use."""

from collections.abc import Callable, Iterable

from roadbed.control.serve import Serving
from roadbed.core.errors import NotReady
from roadbed.inference.provider import Provider, Runner
from roadbed.inference.snapshot import Snapshot

Held = Runner | Provider


class _Generation:
    """One picture and the number of calls that are under way on it."""

    __slots__ = ("calls", "serving")

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.calls = 0


class Borrowed:
    """A snapshot that is lent, from `with` to the end of its block."""

    __slots__ = ("_back", "_generation")

    def __init__(
        self, generation: _Generation, back: Callable[[_Generation], None]
    ) -> None:
        self._generation = generation
        self._back = back

    def __enter__(self) -> Snapshot:
        """Return the snapshot."""
        self._generation.calls += 1
        return self._generation.serving.snapshot

    def __exit__(self, *_: object) -> None:
        """Give it back; the last one lets go of what nothing uses any more."""
        self._generation.calls -= 1
        if not self._generation.calls:
            self._back(self._generation)


class Switch:
    """Swaps pictures whole, and hands back what nothing uses any more.

    All methods run on the event loop's thread; reading `serving` is safe from
    anywhere. `discard` is given what to close, in the order to close it.
    """

    def __init__(self, discard: Callable[[list[Held]], None]) -> None:
        self._discard = discard
        self._current: _Generation | None = None
        self._older: list[_Generation] = []

    @property
    def serving(self) -> Serving | None:
        """Return what is served now, None before the first swap."""
        return self._current.serving if self._current else None

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that new calls see; NotReady before the first one."""
        return self._now().serving.snapshot

    def swap(self, serving: Serving) -> None:
        """Show *serving* to every call that starts from now on."""
        if self._current is not None:
            self._older.append(self._current)
        self._current = _Generation(serving)
        self._sweep()

    def borrow(self) -> Borrowed:
        """Lend the snapshot; what it holds stays open until it is given back."""
        return Borrowed(self._now(), self._back)

    def _back(self, generation: _Generation) -> None:
        if generation is not self._current:
            self._sweep()

    def _now(self) -> _Generation:
        if self._current is None:
            raise NotReady("the server is starting and has no snapshot yet")
        return self._current

    def _sweep(self) -> None:
        idle = [g for g in self._older if not g.calls]
        self._older = [g for g in self._older if g.calls]
        alive = [*self._older, *([self._current] if self._current else [])]
        unused = left_over([g.serving for g in idle], [g.serving for g in alive])
        if unused:
            self._discard(unused)


def held_by(serving: Serving) -> list[Held]:
    """Return all that *serving* holds open: runners first, then their providers."""
    return [*serving.runners.values(), *serving.providers.values()]


def left_over(gone: Iterable[Serving], alive: Iterable[Serving]) -> list[Held]:
    """Return what *gone* held and nothing *alive* holds, once each, runners first.

    Compared by identity: a version that did not change keeps its runner.
    """
    used = {id(held) for serving in alive for held in held_by(serving)}
    found = {id(held): held for serving in gone for held in held_by(serving)}
    unused = [held for key, held in found.items() if key not in used]
    return sorted(unused, key=lambda held: hasattr(held, "open"))
