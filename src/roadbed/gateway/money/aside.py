"""The published prices, looked up in a process of its own.

The table has thousands of models, and a server needs those that it serves. What was
found once is kept, so a reload of the same models asks nobody.
"""

import json
from dataclasses import fields
from functools import lru_cache
from typing import Any

from roadbed.core.helper import Helper, serve
from roadbed.gateway.money.published import published
from roadbed.gateway.money.tariff import Prices, Rate, Tariff, When

IDLE_S = 2.0
_MODULE = "roadbed.gateway.money.aside"
_COUNTS = ("per_call", "per_second")


class PublishedAside:
    """Looks up as `published` does. Safe to share between threads."""

    def __init__(self) -> None:
        self.helper = Helper(_MODULE)
        self._find = lru_cache(maxsize=4096)(self._ask)

    def __call__(self, type_name: str, base_url: str, upstream: str) -> Prices | None:
        """Return what *upstream* costs by the published prices, None if unknown."""
        return self._find(type_name, base_url, upstream)

    def close(self) -> None:
        """End the process; the next look-up starts another."""
        self.helper.close()

    def _ask(self, *wanted: str) -> Prices | None:
        return read(self.helper.ask(json.dumps(wanted).encode()))


def answer(question: bytes) -> bytes:
    """Return the prices that are asked for, as `read` takes them."""
    return write(published(*json.loads(question)))


def write(prices: Prices | None) -> bytes:
    """Return *prices* as JSON; its whole numbers may have any length."""
    if prices is None:
        return b"null"
    return json.dumps(
        [[when, _plain(tariff)] for when, tariff in prices.periods]
    ).encode()


def read(text: bytes) -> Prices | None:
    """Return the prices that *text* tells of."""
    periods = json.loads(text)
    if periods is None:
        return None
    return Prices(tuple((_when(*when), _tariff(plain)) for when, plain in periods))


def _plain(tariff: Tariff) -> dict[str, Any]:
    return {f.name: getattr(tariff, f.name) for f in fields(Tariff) if f.init}


def _when(since_us: int | None, daily: list[int] | None) -> When:
    return When(since_us, None if daily is None else (daily[0], daily[1]))


def _tariff(plain: dict[str, Any]) -> Tariff:
    counts = {name: plain.pop(name) for name in _COUNTS}
    rates: dict[str, Any] = {name: _rate(*rate) for name, rate in plain.items()}
    return Tariff(**rates, **counts)


def _rate(base: int, tiers: list[list[int]]) -> Rate:
    return Rate(base, tuple((above, price) for above, price in tiers))


if __name__ == "__main__":
    serve(answer, IDLE_S)
