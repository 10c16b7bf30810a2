"""Where the time and the money of one call went, as its page shows it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from roadbed.console.data import Fact, Stage, Waterfall
from roadbed.inference.record import CallRecord

_WORDS = {
    "admit": "admitted",
    "hold": "budget held",
    "failed": "failed attempt",
    "wait": "waited before the next",
    "first": "first piece",
    "answer": "answer complete",
    "record": "on record",
}
_NARROWEST = 0.4
"""The least width of a bar, in per cent, so that every stage can be seen."""


def waterfall_of(record: CallRecord) -> Waterfall:
    """Return the waterfall of a call; empty for one from before there were stages."""
    whole = max(record.latency_us, sum(record.stages.values()), 1)
    stages, before = list[Stage](), 0
    for name, us in record.stages.items():
        stages.append(_bar(_WORDS.get(name, name), before, us, whole))
        before += us
    return Waterfall(stages=tuple(stages), attempts=_attempts(record, whole))


def money_of(record: CallRecord) -> tuple[Fact, ...]:
    """Return what is known of a call's price, its tries and what stood in for it."""
    cost = f"${record.cost_nano / 1e9:.9f}".rstrip("0") if record.price else ""
    counted = " (tokens estimated)" if record.estimated and cost else ""
    facts = (
        Fact(label="Cost", value=cost + counted),
        Fact(label="Prices", value=record.price),
        Fact(label="Upstream", value=record.upstream),
        Fact(label="Attempts", value=str(record.attempts) if record.attempts else ""),
        Fact(label="Cache", value=record.cache),
        Fact(label="Degraded", value=record.degraded),
        Fact(label="Left unsaid", value=record.unsaid),
        Fact(label="Finish", value=record.finish),
        Fact(label="Run", value=record.run),
        Fact(label="Rollout", value=record.rollout),
        Fact(label="Arm", value=record.arm),
    )
    return tuple(fact for fact in facts if fact.value)


def _attempts(record: CallRecord, whole: int) -> tuple[Stage, ...]:
    try:
        tries: Sequence[Any] = msgspec.json.decode(record.chain or "[]")
    except msgspec.DecodeError:
        return ()
    return tuple(_attempt(t, whole) for t in tries if isinstance(t, dict))


def _attempt(told: dict[str, Any], whole: int) -> Stage:
    where = told.get("upstream") or told.get("provider", "")
    status = str(told.get("status") or "not ended")
    hedge = ", a hedge" if told.get("hedge") else ""
    return _bar(
        f"{told.get('model', '')} at {where}{hedge}",
        int(told.get("started_us", 0)),
        int(told.get("latency_us", 0)),
        whole,
        status,
    )


def _bar(name: str, before: int, us: int, whole: int, note: str = "") -> Stage:
    x = min(100.0, 100 * before / whole)
    width = max(_NARROWEST, min(100 - x, 100 * us / whole))
    failed = note not in ("", "ok")
    return Stage(name=name, us=us, x=x, width=width, note=note, failed=failed)
