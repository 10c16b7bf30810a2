"""The stretches of time that a budget is for, by the calendar, UTC."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Period = Literal["hour", "day", "month", "total"]


class Window(NamedTuple):
    """From `since_us` on and before `until_us`, which is None if it never ends."""

    since_us: int
    until_us: int | None

    @property
    def renews(self) -> str:
        """Return when the next one begins, for people: `2026-12-01 00:00 UTC`."""
        if self.until_us is None:
            return "never"
        moment = datetime.fromtimestamp(self.until_us // 1_000_000, UTC)
        return f"{moment:%Y-%m-%d %H:%M} UTC"


ALWAYS = Window(0, None)


def window_of(period: Period, at_us: int) -> Window:
    """Return the window of *period* that *at_us* lies in."""
    if period == "total":
        return ALWAYS
    now = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    begin = now.replace(minute=0, second=0, microsecond=0)
    if period != "hour":
        begin = begin.replace(hour=0)
    if period == "month":
        begin = begin.replace(day=1)
        end = (begin + timedelta(days=32)).replace(day=1)
    else:
        end = begin + (timedelta(hours=1) if period == "hour" else timedelta(days=1))
    return Window(_us(begin), _us(end))


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
