"""Time, as a thing that is handed in."""

from datetime import UTC, datetime
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current moment, in UTC."""
        ...


class SystemClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """Return the current moment, in UTC."""
        return datetime.now(UTC)


def to_us(moment: datetime) -> int:
    """Return *moment* as whole microseconds since 1970, UTC."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_us(us: int) -> datetime:
    """Return the moment that is *us* microseconds after 1970, UTC."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(
        microsecond=us % 1_000_000
    )


def to_text(us: int) -> str:
    """Return *us* as people read it: `2026-11-20T10:00:00.000000Z`."""
    return from_us(us).isoformat(timespec="microseconds").replace("+00:00", "Z")
