"""What a replica saw of the units of a rollout: written as bytes, and put together.

However calls are split among replicas and moments, what comes out is the same.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from roadbed.core.errors import Corrupt

Side = Literal["old", "new"]
SIDES: tuple[Side, Side] = ("old", "new")
_NOTHING: frozenset[str] = frozenset()


class UnitSeen(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One unit at one version: how often it called, and whether that went well.

    `unit` is its number, below 2**63. `calls` are those that tell something of the
    version, maybe none: then the unit was only assigned. `bad` are the metrics under
    which any of them was bad, such as `errors`; `flaws` what no answer may have:
    `schema`, `blocked`. `cost_nano` (billionths of a US dollar) and `output_tokens` are
    sums over the calls, and `predicted` is the sum of so many `predictions`. `weight`
    is the one that it was assigned under, -1 if there were several. `alone`: it is one
    call, and never comes again.
    """

    unit: int
    side: Side
    calls: int = 0
    bad: frozenset[str] = _NOTHING
    cost_nano: int = 0
    output_tokens: int = 0
    flaws: frozenset[str] = _NOTHING
    predicted: float = 0.0
    predictions: int = 0
    weight: int = -1
    alone: bool = False

    @property
    def place(self) -> tuple[int, Side]:
        """Return what tells it from others."""
        return self.unit, self.side

    def __add__(self, other: "UnitSeen") -> "UnitSeen":
        """Return what both saw of the same unit at the same version."""
        return UnitSeen(
            unit=self.unit,
            side=self.side,
            calls=self.calls + other.calls,
            bad=self.bad | other.bad,
            cost_nano=self.cost_nano + other.cost_nano,
            output_tokens=self.output_tokens + other.output_tokens,
            flaws=self.flaws | other.flaws,
            predicted=self.predicted + other.predicted,
            predictions=self.predictions + other.predictions,
            weight=self.weight if self.weight == other.weight else -1,
            alone=self.alone and other.alone,
        )


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(list[UnitSeen]).decode


def packed(units: Iterable[UnitSeen]) -> bytes:
    """Return *units* as bytes."""
    return _encode(list(units))


def merged(bodies: Iterable[bytes]) -> list[UnitSeen]:
    """Return the units of all *bodies*, each once at each version, in their order.

    Raises Corrupt for bytes that hold none.
    """
    found: dict[tuple[int, Side], UnitSeen] = {}
    for body in bodies:
        for seen in _read(body):
            before = found.get(seen.place)
            found[seen.place] = seen if before is None else before + seen
    return [found[place] for place in sorted(found)]


def _read(body: bytes) -> list[UnitSeen]:
    try:
        return _decode(body)
    except msgspec.DecodeError:
        raise Corrupt("a tally of a rollout cannot be read") from None
