"""How many retries an endpoint has left: a share of its calls, and a few for quiet."""

BURST = 10.0
"""The most retries that can be saved up."""
FLOOR_S = 10.0
"""One retry every so many seconds is allowed however few calls there are."""


class Allowance:
    """A bucket that each call fills a little, and each retry takes one from."""

    __slots__ = ("_left", "_share", "_since_s")

    def __init__(self, now_s: float) -> None:
        self._left = BURST
        self._share = 0.0
        self._since_s = now_s

    def called(self, percent: int) -> None:
        """Note that there was a call; its terms allow *percent* of retries."""
        self._share = percent / 100
        self._left = min(BURST, self._left + self._share)

    def has(self, now_s: float) -> bool:
        """Say whether one more retry is allowed; never where the share is 0."""
        return self._share > 0 and self._filled(now_s) >= 1

    def take(self, now_s: float) -> None:
        """Take one retry; ask `has` before."""
        self._left = self._filled(now_s) - 1
        self._since_s = now_s

    def _filled(self, now_s: float) -> float:
        return min(BURST, self._left + (now_s - self._since_s) / FLOOR_S)
