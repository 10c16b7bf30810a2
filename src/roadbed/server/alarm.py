"""Who is told when something is wrong in the background."""

from typing import Protocol

from roadbed.gateway.alerts import Alert


class Alarm(Protocol):
    """Shows alerts until they are cleared; a `gateway.keeper.Keeper` does.

    Neither method blocks, and both may be called from any thread.
    """

    def alert(self, alert: Alert) -> None:
        """Raise *alert*; the same code and message again brings it up to date."""
        ...

    def clear(self, code: str) -> None:
        """Say that the alerts with *code* are over."""
        ...
