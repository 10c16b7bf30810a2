"""What attempts ask of whoever keeps the money: hold some before, settle after."""

from typing import NamedTuple, Protocol

from roadbed.inference.call import Call, Usage
from roadbed.inference.snapshot import Choice, Upstream


class Bill(NamedTuple):
    """What one attempt cost, in billionths of a US dollar, and by which prices.

    `usage` is what was counted, or what we made of it where the provider did not say.
    """

    cost_nano: int
    price: str
    usage: Usage | None


class Hold(Protocol):
    """What is held back for one attempt. Settled exactly once, however it ended."""

    def settle(self, usage: Usage | None, said: int, *, sent: bool = True) -> Bill:
        """Pay for what was used, and give back the rest.

        *usage* is what the provider counted, None if it did not; *said* is how many
        characters of an answer came. *sent* is False if the provider never had the
        request, or refused it unread: then nothing is paid.
        """
        ...


class Purse(Protocol):
    """Keeps the budgets."""

    async def hold(self, call: Call, choice: Choice, upstream: Upstream) -> Hold:
        """Hold back the most that asking *upstream* may cost; raise BudgetExhausted."""
        ...


class FreeOfCharge:
    """A purse without a bottom: nothing is held back, and nothing costs anything."""

    async def hold(self, call: Call, choice: Choice, upstream: Upstream) -> Hold:
        """Hold nothing back."""
        return _Nothing()


class _Nothing:
    def settle(self, usage: Usage | None, said: int, *, sent: bool = True) -> Bill:
        return Bill(0, "", usage)
