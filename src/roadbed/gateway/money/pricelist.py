"""The prices that a stack declares, and which of all prices count for a model."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from roadbed.core.resource import tenant_of
from roadbed.gateway.kinds import Price, PriceList
from roadbed.gateway.money.published import HERE, Published, published
from roadbed.gateway.money.tariff import (
    Prices,
    Rate,
    Tariff,
    When,
    atto,
    midnight_us,
)


class Priced(NamedTuple):
    """What is to be priced: a model as its provider calls it, there.

    `provider` is the name in the stack, `type` and `base_url` say whose it is, and
    `tenant` is the model's.
    """

    provider: str
    type: str
    base_url: str
    upstream: str
    tenant: str

    @property
    def here(self) -> bool:
        """Say whether it runs in this process, so that nobody sends an invoice."""
        return self.type in HERE


class PriceBook:
    """All prices: those of the stack, and behind them what *known* finds published."""

    def __init__(
        self, lists: Iterable[Mapping[str, Any]] = (), known: Published = published
    ) -> None:
        self._known = known
        self._own: list[tuple[str, Price]] = [
            (tenant_of(content), price)
            for content in lists
            for price in PriceList(**content["spec"]).prices
        ]

    def find(self, wanted: Priced) -> Prices | None:
        """Return the prices of *wanted*, None if nobody knows any."""
        own = self._own_of(wanted)
        known = None if wanted.here else self._known(*wanted[1:4])
        periods = (*(known.periods if known else ()), *own)
        return Prices(periods) if periods else None

    def _own_of(self, wanted: Priced) -> Sequence[tuple[When, Tariff]]:
        """Return the entries for *wanted* that count most, by their first day."""
        fit = [
            (tenant, price)
            for tenant, price in self._own
            if tenant in (wanted.tenant, "default") and _matches(price, wanted)
        ]
        if not fit:
            return ()
        most = max(_weight(tenant, price) for tenant, price in fit)
        chosen = [price for tenant, price in fit if _weight(tenant, price) == most]
        dated = sorted(chosen, key=lambda price: price.since)
        return [(_since(price), tariff_of(price)) for price in dated]


def tariff_of(price: Price) -> Tariff:
    """Return the unit prices of an entry of a price list."""
    plain = _rate(price.input)
    write = plain if price.cache_write is None else _rate(price.cache_write)
    hour = write if price.cache_write_1h is None else _rate(price.cache_write_1h)
    return Tariff(
        input=plain,
        output=_rate(price.output),
        cached=plain if price.cached is None else _rate(price.cached),
        cache_write=write,
        cache_write_1h=hour,
        per_call=atto(Decimal(price.per_call)),
        per_second=atto(Decimal(price.per_second)),
    )


def _rate(dollars: str) -> Rate:
    return Rate(atto(Decimal(dollars)))


def _since(price: Price) -> When:
    return When(since_us=midnight_us(*map(int, price.since.split("-"))))


def _matches(price: Price, wanted: Priced) -> bool:
    if price.provider != wanted.provider:
        return False
    if price.upstream.endswith("*"):
        return wanted.upstream.startswith(price.upstream[:-1])
    return wanted.upstream == price.upstream


def _weight(tenant: str, price: Price) -> tuple[bool, bool, int]:
    """Return how much an entry counts: of the own tenant, exact, and long."""
    exact = not price.upstream.endswith("*")
    return tenant != "default", exact, len(price.upstream)
