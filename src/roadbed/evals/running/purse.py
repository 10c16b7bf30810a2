"""How much one run has spent, and whether it may go on."""

from decimal import Decimal

NANO = 1_000_000_000


class Allowance:
    """The budget of one run, in billionths of a dollar; None is without end.

    What is under way counts with the mean of what came, so that many questions at
    once do not go far beyond it.
    """

    def __init__(self, limit_nano: int | None) -> None:
        self._limit = limit_nano
        self._asked = 0
        self._open = 0
        self.spent_nano = 0

    @classmethod
    def of(cls, dollars: str | None) -> "Allowance":
        """Return the allowance of so many dollars, such as "2.50"."""
        return cls(None if dollars is None else int(Decimal(dollars) * NANO))

    def take(self) -> bool:
        """Begin to ask once more, and say whether there is money for it."""
        if self._limit is not None:
            mean = self.spent_nano // self._asked if self._asked else 0
            if self.spent_nano + mean * (self._open + 1) > self._limit:
                return False
            if self.spent_nano >= self._limit:
                return False
        self._open += 1
        return True

    def settle(self, cost_nano: int) -> None:
        """Note that what was asked has cost so much."""
        self._open -= 1
        self._asked += 1
        self.spent_nano += cost_nano

    def add(self, cost_nano: int) -> None:
        """Note a cost besides, such as a judge's."""
        self.spent_nano += cost_nano
