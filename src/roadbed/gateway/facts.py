"""What a record says around the exchange: tokens, money, tries, trace and labels."""

from typing import Any

import msgspec

from roadbed.gateway.money.scope import labels_of
from roadbed.inference.call import Arm, Call, Outcome
from roadbed.inference.record import MIRRORED

MAX_TEXT = 512
_encode = msgspec.json.Encoder().encode


def facts_of(call: Call, outcome: Outcome) -> dict[str, Any]:
    """Return the fields of a record that say how an answer came about."""
    usage, tries, last = outcome.counted, call.attempts, call.answered
    plain = len(tries) == 1 and last is not None
    return {
        "finish": text_of(outcome.finish) if outcome.finish else "",
        "cost_nano": outcome.cost_nano,
        "price": outcome.price,
        "cache": outcome.cache,
        "degraded": text_of(outcome.degraded) if outcome.degraded else "",
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated": int(usage.estimated),
        "attempts": len(tries),
        "upstream": text_of(last.upstream) if last else "",
        "unsaid": text_of(last.unsaid) if last and last.unsaid else "",
        "chain": "" if plain or not tries else _encode(tries).decode(),
        "stream": int(getattr(call.request, "stream", False)),
        "run": text_of(call.run) if call.run else "",
        "span_id": call.span_id,
        "parent_id": call.parent_id,
        "stages": _stages(call),
        "labels": _labels(call),
        **(_arm(call.arm) if call.arm and outcome.cache != "replay" else {}),
    }


def text_of(text: str, limit: int = MAX_TEXT) -> str:
    """Return *text* as a log can keep it: whole characters, and not too many."""
    text = text[:limit]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _stages(call: Call) -> dict[str, int]:
    """Return the waterfall of a call: how many microseconds each stage took."""
    before, stages = call.started_ns, dict[str, int]()
    for stage, ended in call.marks:
        stages[stage] = stages.get(stage, 0) + (ended - before) // 1000
        before = ended
    return stages


def _arm(arm: Arm) -> dict[str, Any]:
    """Return where a rollout put the call. What was told again is of no version now."""
    why = "first-" if arm.early else "placed-" if arm.placed else ""
    name = MIRRORED if arm.mirrored else f"{why}{arm.side}"
    return {"rollout": arm.rollout, "arm": name, "bucket": arm.bucket + 1}


def _labels(call: Call) -> dict[str, str]:
    labels = labels_of(call)
    return {text_of(k): text_of(v) for k, v in labels.items()} if labels else {}
