"""The prices that providers publish, as the package `genai-prices` has collected them.

Its bundled data is read, nothing is fetched: prices change with a release of it, and a
`PriceList` in Git says what is known sooner. It is imported when the first price is
looked up, in the thread that compiles a snapshot; a server has it looked up beside
itself (`aside.py`).
"""

import re
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from roadbed.gateway.money.tariff import Prices, Rate, Tariff, When, atto, midnight_us

PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "gemini": "google",
}
"""The types of providers that are always the same company, and what it is called there.

Whose prices count for any other type is told by its address, or by nothing.
"""
HERE = frozenset({"extractive", "onnx", "replay"})
"""The types of providers that run in this process, and send no invoice."""

Published = Callable[[str, str, str], Prices | None]
"""Looks up a price as `published` does."""

_ALWAYS = When()


@lru_cache(maxsize=4096)
def published(type_name: str, base_url: str, upstream: str) -> Prices | None:
    """Return what *upstream* costs by the published prices, None if nobody knows.

    *type_name* and *base_url* are those of the provider that is asked.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    name = PROVIDERS.get(type_name)
    for provider in snapshot.providers:
        if provider.id == name if name else _lives_at(provider, base_url):
            model = provider.find_model(upstream, all_providers=snapshot.providers)
            return prices_of(model) if model is not None else None
    return None


def prices_of(model: Any) -> Prices | None:
    """Return the prices of a `genai_prices` model, None if it names none."""
    if not isinstance(model.prices, list):
        return Prices(((_ALWAYS, tariff_of(model.prices)),))
    if not model.prices:
        return None
    dated = [(_when(c.constraint), tariff_of(c.prices)) for c in model.prices]
    # Where none is in force the first one counts, so it always is, and yields to all.
    return Prices(((_ALWAYS, dated[0][1]), *dated))


def tariff_of(prices: Any) -> Tariff:
    """Return the unit prices of a `genai_prices` ModelPrice.

    What has no price of its own is an ordinary input token.
    """
    plain = _rate(prices.input_mtok) or Rate()
    write = _rate(prices.cache_write_mtok) or plain
    return Tariff(
        input=plain,
        output=_rate(prices.output_mtok) or Rate(),
        cached=_rate(prices.cache_read_mtok) or plain,
        cache_write=write,
        cache_write_1h=_rate(prices.cache_write_1h_mtok) or write,
        per_call=_per_call(prices),
    )


def _per_call(prices: Any) -> int:
    thousand = prices.requests_kcount
    return 0 if thousand is None else atto(thousand / Decimal(1000))


def _rate(price: Any) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return Rate(atto(price))
    tiers = tuple((tier.start, atto(tier.price)) for tier in price.tiers)
    return Rate(atto(price.base), tiers)


def _when(constraint: Any) -> When:
    if constraint is None:
        return _ALWAYS
    if (start := getattr(constraint, "start_date", None)) is not None:
        return When(since_us=midnight_us(start.year, start.month, start.day))
    begin, end = _of_day(constraint.start_time), _of_day(constraint.end_time)
    return When(daily=(begin, end))


def _of_day(moment: time) -> int:
    offset = moment.utcoffset()
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    seconds -= int(offset.total_seconds()) if offset else 0
    return seconds % 86_400 * 1_000_000 + moment.microsecond


def _lives_at(provider: Any, base_url: str) -> bool:
    """Say whether *base_url* is *provider*'s own: an address of ours is nobody's."""
    return bool(base_url) and re.match(provider.api_pattern, base_url) is not None
