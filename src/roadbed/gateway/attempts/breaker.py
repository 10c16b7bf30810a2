"""Leaves an upstream alone while it fails, and lets one call find out if it is back."""

CONSECUTIVE = 5
"""So many failures in a row open it."""
WINDOW_S = 10.0
ENOUGH = 20
"""So many calls in a window are enough to judge by the share that failed."""
SHARE = 0.5
OPEN_S = 1.0
LONGEST_OPEN_S = 60.0
FORGET_S = 60.0
"""What failed longer ago than this does not make the next opening longer."""
LONGEST_PATIENCE_S = 300.0


class Breaker:
    """Closed, open for a growing time, or half-open with one probe under way.

    It has no clock: whoever asks says what time it is, in seconds that only grow.
    `begin` returns the epoch that the result is reported with; what began in an older
    epoch says nothing about this one.
    """

    __slots__ = (
        "_closed_s", "_epoch", "_failed", "_in_a_row", "_patient_s", "_probing",
        "_seen", "_trips", "_until_s", "_window_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self._epoch = 0
        self._in_a_row = 0
        self._seen = 0
        self._failed = 0
        self._window_s = 0.0
        self._trips = 0
        self._until_s = 0.0
        self._closed_s = 0.0
        self._probing = False
        self._patient_s = 0.0

    def ready(self, now_s: float) -> bool:
        """Say whether a call may be sent: closed, or half-open without a probe."""
        if now_s < self._patient_s:
            return False
        if not self._until_s:
            return True
        return now_s >= self._until_s and not self._probing

    def begin(self, now_s: float) -> int:
        """Note that a call is sent, and return the epoch to report it with."""
        if self._until_s and now_s >= self._until_s and not self._probing:
            self._probing = True
            self._epoch += 1
        return self._epoch

    def succeeded(self, epoch: int, now_s: float) -> None:
        """Note that a call was answered."""
        if epoch != self._epoch:
            return
        if self._until_s:
            self._shut(now_s)
        self._in_a_row = 0
        self._count(now_s)

    def failed(self, epoch: int, now_s: float) -> None:
        """Note that a call was not answered, by the upstream's fault."""
        if epoch != self._epoch:
            return
        if self._until_s:
            if self._probing:
                self._open(now_s)
            return
        self._in_a_row += 1
        self._count(now_s)
        self._failed += 1
        bad = self._seen >= ENOUGH and self._failed >= SHARE * self._seen
        if bad or self._in_a_row >= CONSECUTIVE:
            self._open(now_s)

    def abandoned(self, epoch: int) -> None:
        """Note that a call ended and told nothing about the upstream."""
        if epoch == self._epoch:
            self._probing = False

    def leave(self, now_s: float, wait_s: float) -> None:
        """Leave the upstream alone for *wait_s*, as it asked for."""
        until_s = now_s + min(wait_s, LONGEST_PATIENCE_S)
        self._patient_s = max(self._patient_s, until_s)

    def asked_for_s(self, now_s: float) -> float:
        """Return how long the upstream has still asked to be left alone."""
        return max(0.0, self._patient_s - now_s)

    def ready_in_s(self, now_s: float) -> float:
        """Return how long it will not be ready, as far as that is known."""
        return max(0.0, self._until_s - now_s, self._patient_s - now_s)

    def _count(self, now_s: float) -> None:
        if now_s - self._window_s > WINDOW_S:
            self._window_s, self._seen, self._failed = now_s, 0, 0
        self._seen += 1

    def _open(self, now_s: float) -> None:
        if self._closed_s and now_s - self._closed_s > FORGET_S:
            self._trips = 0
        self._until_s = now_s + min(OPEN_S * 2.0**self._trips, LONGEST_OPEN_S)
        self._trips = min(self._trips + 1, 16)
        self._probing = False
        self._closed_s = 0.0
        self._epoch += 1

    def _shut(self, now_s: float) -> None:
        self._until_s, self._closed_s, self._probing = 0.0, now_s, False
        self._window_s, self._seen, self._failed = now_s, 0, 0
        self._epoch += 1
