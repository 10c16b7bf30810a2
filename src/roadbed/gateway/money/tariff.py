"""What a token costs: whole numbers, chosen by the time of the call.

A unit price is a whole number of 10^-18 US dollars for a million tokens, so that no
published price is rounded. A cost is added up exactly and rounded once, half up, to
whole billionths of a dollar.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from roadbed.core.digest import canonical
from roadbed.inference.call import Usage

ATTO = 10**18
"""How many units a US dollar has, in which unit prices are written."""
_MILLION = 10**6
_PER_NANO = _MILLION * ATTO // 10**9
_DAY_US = 86_400_000_000


class Rate(NamedTuple):
    """The price of a million tokens; `tiers` are (more than so much input, price).

    Beyond a tier's threshold every token has the price of the tier, not only those
    that lie beyond.
    """

    base: int = 0
    tiers: tuple[tuple[int, int], ...] = ()

    def at(self, input_tokens: int) -> int:
        """Return the price in a call with so many input tokens."""
        price = self.base
        for above, dearer in self.tiers:
            if input_tokens > above:
                price = dearer
        return price

    def worst(self, input_tokens: int) -> int:
        """Return the highest price in a call with so many input tokens, or fewer."""
        if not self.tiers:
            return max(self.base, 0)
        return max(
            self.base, *[p for above, p in self.tiers if input_tokens > above], 0
        )


FREE = Rate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What one model costs at one time, in units of 10^-18 US dollars.

    The rates are for a million tokens each; a call may also cost by itself
    (`per_call`) and by its length (`per_second`). `price` names the tariff: equal unit
    prices, equal name.
    """

    input: Rate = FREE
    output: Rate = FREE
    cached: Rate = FREE
    cache_write: Rate = FREE
    cache_write_1h: Rate = FREE
    per_call: int = 0
    per_second: int = 0
    price: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the tariff by its unit prices."""
        object.__setattr__(self, "price", _name_of(self))

    def cost_nano(self, usage: Usage, took_us: int = 0) -> int:
        """Return what *usage* costs in a call that took so long, rounded half up."""
        return (self._cost(usage, took_us) + _PER_NANO // 2) // _PER_NANO

    def most_nano(self, input_tokens: int, output_tokens: int, took_us: int = 0) -> int:
        """Return the most that so many tokens can cost, rounded up."""
        reading = max([rate.worst(input_tokens) for rate in self._input_rates()])
        writing = self.output.worst(input_tokens)
        tokens = input_tokens * reading + output_tokens * writing
        return -(-(tokens + self._beside(took_us)) // _PER_NANO)

    def _cost(self, usage: Usage, took_us: int) -> int:
        """Return the cost, exactly, in millionths of our unit."""
        read = usage.input_tokens
        hour = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
        minutes = usage.cache_write_tokens - hour
        plain = max(read - usage.cached_tokens - usage.cache_write_tokens, 0)
        counted = (
            (self.input, plain),
            (self.cached, usage.cached_tokens),
            (self.cache_write, minutes),
            (self.cache_write_1h, hour),
            (self.output, usage.output_tokens),
        )
        tokens = sum([rate.at(read) * count for rate, count in counted if count])
        return tokens + self._beside(took_us)

    def _beside(self, took_us: int) -> int:
        return self.per_call * _MILLION + self.per_second * took_us

    def _input_rates(self) -> tuple[Rate, ...]:
        return self.input, self.cached, self.cache_write, self.cache_write_1h


class When(NamedTuple):
    """The times at which a tariff is in force: from a moment, or daily for a while.

    All are UTC microseconds; `daily` are the beginning and the end within a day, and
    an end before the beginning is of the next day.
    """

    since_us: int | None = None
    daily: tuple[int, int] | None = None

    def includes(self, at_us: int) -> bool:
        """Say whether *at_us* is one of them."""
        if self.since_us is not None and at_us < self.since_us:
            return False
        if self.daily is None:
            return True
        begin, end = self.daily
        now = at_us % _DAY_US
        return begin <= now < end if begin <= end else now >= begin or now < end


@dataclass(frozen=True, slots=True)
class Prices:
    """The tariffs of one model at one provider; of those in force the last counts."""

    periods: tuple[tuple[When, Tariff], ...]

    def at(self, at_us: int) -> Tariff | None:
        """Return the tariff in force at *at_us*, None if there was none."""
        for when, tariff in reversed(self.periods):
            if when.includes(at_us):
                return tariff
        return None


def atto(dollars: Decimal) -> int:
    """Return *dollars* in whole units of 10^-18; raise ValueError if they are not."""
    whole = dollars.scaleb(18)
    if whole != whole.to_integral_value():
        raise ValueError(f"{dollars} US dollars has more than 18 decimals")
    return int(whole)


def midnight_us(year: int, month: int, day: int) -> int:
    """Return the beginning of a day, UTC."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


def _name_of(tariff: Tariff) -> str:
    """Return a short name made of the unit prices alone: 16 hex digits of SHA-256."""
    prices = {
        name: str(getattr(tariff, name))
        if isinstance(getattr(tariff, name), int)
        else _rate(getattr(tariff, name))
        for name in tariff.__dataclass_fields__
        if name != "price"
    }
    return hashlib.sha256(canonical(prices)).hexdigest()[:16]


def _rate(rate: Rate) -> dict[str, object]:
    tiers = [[above, str(price)] for above, price in rate.tiers]
    return {"base": str(rate.base), "tiers": tiers}
