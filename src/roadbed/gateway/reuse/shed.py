"""Who has to wait when there is too much to do: calls of low priority, first."""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import get_args

from roadbed.core.errors import Invalid, Overloaded
from roadbed.inference.call import Call, Outcome
from roadbed.inference.terms import Priority

SHARES: Mapping[str, float] = MappingProxyType(
    {"low": 0.5, "normal": 0.8, "high": 0.95, "critical": 1.0}
)
"""How full a replica may be, from 0 to 1, for a call of each priority to be let in."""
MAX_LAG_S = 3.0
_LOOK_EVERY_S = 0.25
_RANKS: tuple[str, ...] = get_args(Priority)


class Lag:
    """Measures how late the event loop is, while `watch` is called now and then.

    One timer four times a second, and none while nobody is served. A delay that is
    over the next time it looks does not count.
    """

    def __init__(self, busy: Callable[[], bool]) -> None:
        self.seconds = 0.0
        self._before_s = 0.0
        self._busy = busy
        self._due_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self) -> None:
        """Go on measuring; must be called on the loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._again(self._loop)

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_s = loop.time() + _LOOK_EVERY_S
        loop.call_at(self._due_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        late_s = max(0.0, loop.time() - self._due_s)
        self.seconds, self._before_s = min(late_s, self._before_s), late_s
        if self._busy():
            self._again(loop)
        else:
            self._loop, self.seconds, self._before_s = None, 0.0, 0.0


class Shed:
    """A step: refuses calls that this replica has no room for, the least urgent first.

    A replica is as full as its calls under way are of *most*, or as its event loop is
    late, whichever is more. The endpoint says how urgent its calls are; a caller may
    say less with the header `x-roadbed-priority`, and never more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: set[str] = set()
        self.lag = Lag(lambda: bool(self._inside))

    @property
    def under_way(self) -> int:
        """Return how many calls are being answered."""
        return len(self._inside)

    @property
    def fullness(self) -> float:
        """Return how full this replica is: 0 is idle, from 1 on nobody is let in."""
        return max(len(self._inside) / self._most, self.lag.seconds / MAX_LAG_S)

    def admit(self, call: Call) -> None:
        """Let *call* in, or raise Overloaded; Invalid for a priority there is not."""
        priority = priority_of(call)
        if self.fullness >= SHARES[priority]:
            raise Overloaded(
                f"this server is too busy for calls of {priority} priority",
                hint="try again after the wait that Retry-After names",
            )
        self._inside.add(call.id)
        self.lag.watch()

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Make room."""
        self._inside.discard(call.id)


def priority_of(call: Call) -> str:
    """Return how urgent *call* is: what its endpoint says, or less if it asks so."""
    declared = call.deployment.terms.priority if call.deployment else "normal"
    if not call.priority:
        return declared
    if call.priority not in _RANKS:
        raise Invalid(
            "x-roadbed-priority names no priority",
            hint=f"one of {', '.join(_RANKS)}",
        )
    return min(declared, call.priority, key=_RANKS.index)
