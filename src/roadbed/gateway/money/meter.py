"""How much there was within the last minute: counts by the second, no clock inside."""

SECONDS = 60


class Meter:
    """Adds up what came in the last 60 seconds and the one that is going on."""

    __slots__ = ("_counts", "_forgot", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._forgot = 0
        self.total = 0

    def add(self, amount: int, second: int) -> None:
        """Count *amount* in *second*; below zero it takes back."""
        if second != self._forgot:
            self.forget(second)
        self._counts[second] = self._counts.get(second, 0) + amount
        self.total += amount

    def forget(self, second: int) -> None:
        """Drop what is older than a minute at *second*."""
        if second == self._forgot:
            return
        self._forgot = second
        for old in [s for s in self._counts if s < second - SECONDS]:
            self.total -= self._counts.pop(old)

    def empty_in_s(self, second: int) -> int:
        """Return in how many seconds from *second* nothing of this counts any more."""
        newest = max(self._counts, default=second - SECONDS - 1)
        return max(newest + SECONDS + 1 - second, 0)

    def room_in_s(self, wanted: int, limit: int, second: int) -> int:
        """Return in how many seconds *wanted* fits below *limit*; 0: now.

        What alone is more than the limit fits once there is nothing else.
        """
        self.forget(second)
        left = self.total + min(wanted, limit) - limit
        if left <= 0:
            return 0
        for old in sorted(self._counts):
            left -= self._counts[old]
            if left <= 0:
                return old + SECONDS + 1 - second
        return SECONDS
