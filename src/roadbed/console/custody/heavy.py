"""Work that takes seconds: a little of it at once, and each result only once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from roadbed.core.turns import Turns

T = TypeVar("T")


class Gate:
    """Lets *at_once* threads work, and keeps the last *kept* results.

    Whoever waits longer than *patience_s* is told to come again, so that pages that
    take long never hold up all the others.
    """

    def __init__(
        self, at_once: int = 2, kept: int = 64, patience_s: float = 20.0
    ) -> None:
        self._turns = Turns(
            at_once,
            patience_s,
            busy="other long questions are being answered",
            hint="ask again in a moment, or ask at the command line",
        )
        self._most = kept
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def run(self, make: Callable[[], T]) -> T:
        """Return what *make* makes; raise Overloaded if there is no room for it."""
        with self._turns.turn():
            return make()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for *key*, made now if it is not kept.

        Only for what never changes, such as the difference of two digests.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self.run(make)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
