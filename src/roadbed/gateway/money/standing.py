"""How rate limits stand, as the headers of an answer say it in each dialect."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from roadbed.gateway.money.meter import Meter

Measure = Literal["requests", "input", "output"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(NamedTuple):
    """A limit, how much of it is left now, and in how many seconds all of it is."""

    limit: int
    left: int
    reset_s: int


Found = tuple[Measure, int, int, Meter]
"""A measure, its limit, this replica's part of it, and what was counted."""


def standings(found: Iterable[Found], second: int) -> dict[Measure, Standing]:
    """Return for each measure the limit that is nearest to its end at *second*."""
    nearest = dict[Measure, Standing]()
    for measure, limit, own, meter in found:
        left = max(own - meter.total, 0)
        stands = Standing(limit, left, meter.empty_in_s(second))
        known = nearest.get(measure)
        if known is None or _share(stands) < _share(known):
            nearest[measure] = stands
    return nearest


def headers_of(
    nearest: Mapping[Measure, Standing], dialect: str, at_us: int
) -> dict[str, str]:
    """Return the headers that clients of *dialect* read; *at_us* is now."""
    tokens = [nearest[m] for m in ("input", "output") if m in nearest]
    named = {"requests": nearest.get("requests")}
    named["tokens"] = min(tokens, key=_share, default=None)
    if dialect != "anthropic":
        return _as_openai(named)
    named |= {f"{m}-tokens": nearest.get(m) for m in ("input", "output")}
    return _as_anthropic(named, at_us)


def _as_openai(named: Mapping[str, Standing | None]) -> dict[str, str]:
    told = dict[str, str]()
    for name, stands in named.items():
        if stands is not None:
            minutes, seconds = divmod(stands.reset_s, 60)
            reset = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
            told[f"x-ratelimit-limit-{name}"] = str(stands.limit)
            told[f"x-ratelimit-remaining-{name}"] = str(stands.left)
            told[f"x-ratelimit-reset-{name}"] = reset
    return told


def _as_anthropic(named: Mapping[str, Standing | None], at_us: int) -> dict[str, str]:
    told = dict[str, str]()
    for name, stands in named.items():
        if stands is not None:
            full = _EPOCH + timedelta(microseconds=at_us, seconds=stands.reset_s)
            told[f"anthropic-ratelimit-{name}-limit"] = str(stands.limit)
            told[f"anthropic-ratelimit-{name}-remaining"] = str(stands.left)
            told[f"anthropic-ratelimit-{name}-reset"] = f"{full:%Y-%m-%dT%H:%M:%SZ}"
    return told


def _share(stands: Standing) -> float:
    return stands.left / stands.limit if stands.limit else 0.0
