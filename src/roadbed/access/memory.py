"""Remembers decisions: for each principal, by what it asked."""

from collections.abc import Hashable

from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target

_REMEMBERED = 20_000
_LONGEST_NAME = 256
Known = dict[Hashable, Decision]


class Memory:
    """What one set of policies decided, bounded, and gone with the policies.

    A principal is found by being the same object, as it is while a snapshot's
    table of credentials holds it; else by being equal, which takes longer.
    """

    def __init__(self) -> None:
        self._same: dict[int, tuple[Principal, Known]] = {}
        self._equal: dict[Principal, Known] = {}
        self._count = 0

    def of(self, principal: Principal) -> Known:
        """Return what was decided for *principal*; TypeError if it has no hash."""
        found = self._same.get(id(principal))
        if found is not None and found[0] is principal:
            return found[1]
        if len(self._same) >= _REMEMBERED:
            self._forget()
        known = self._equal.setdefault(principal, {})
        # Holding the object keeps its id from being given to another.
        self._same[id(principal)] = principal, known
        return known

    def keep(
        self, known: Known, key: Hashable, decision: Decision, target: Target
    ) -> None:
        """Keep *decision*, unless its question is one that only floods memory."""
        if len(target.name) > _LONGEST_NAME:
            return
        if self._count >= _REMEMBERED:
            self._forget()
        self._count += 1
        known[key] = decision

    def _forget(self) -> None:
        self._same, self._equal, self._count = {}, {}, 0
