"""Rate limits on the governed path: calls and tokens in a minute, and calls at once."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from roadbed.core.errors import LimitExceeded
from roadbed.core.resource import tenant_of
from roadbed.gateway.kinds import RateLimit
from roadbed.gateway.money.estimate import Estimator
from roadbed.gateway.money.meter import Meter
from roadbed.gateway.money.rule import run_of
from roadbed.gateway.money.scope import Scope, scope_of
from roadbed.gateway.money.standing import Found, headers_of, standings
from roadbed.inference.call import Call, Outcome

MANY = 10_000
"""How many sets of meters are kept before the idle ones are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """One limit: whose calls, and how many. None: as many as they like."""

    name: str
    scope: Scope
    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    concurrency: int | None = None

    def key_of(self, call: Call) -> tuple[str, str]:
        """Return under what *call* is counted."""
        return self.name, run_of(call.run) if self.scope.run else ""


class Share(NamedTuple):
    """Which of how many replicas this is; each has an equal part of every limit."""

    number: int = 0
    replicas: int = 1

    def of(self, limit: int) -> int:
        """Return this replica's part of *limit*: all parts together are the limit."""
        return limit // self.replicas + (self.number < limit % self.replicas)


@dataclass(slots=True)
class Meters:
    """What is counted under one key."""

    requests: Meter = field(default_factory=Meter)
    input: Meter = field(default_factory=Meter)
    output: Meter = field(default_factory=Meter)
    under_way: int = 0

    def quiet(self, second: int) -> bool:
        """Say whether nothing was counted lately."""
        for meter in (self.requests, self.input, self.output):
            meter.forget(second)
        counted = self.requests.total or self.input.total or self.output.total
        return not (counted or self.under_way)


class Limits:
    """A step that refuses what is too much. Stands after the endpoint is resolved.

    Input tokens are reckoned on the way in, and set right on the way out; output
    tokens are counted on the way out, so the call that reaches that limit is answered.
    The headers of every answer, also of a refusal, say how the limits stand.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.share = Share()
        self._clock = clock
        self._estimator = Estimator()
        self._meters: dict[tuple[str, str], Meters] = {}
        self._admitted: dict[str, tuple[list[Meters], int, int]] = {}

    def admit(self, call: Call) -> None:
        """Count the call; raise LimitExceeded, and count nothing, if it is too much."""
        rules = [r for r in call.snapshot.limits if r.scope.includes(call)]
        if not rules or call.deployment is None:
            return
        tokens = self._estimator.input_tokens(call, call.deployment.choices[0])
        second = int(self._clock())
        found = [self._of(rule.key_of(call), second) for rule in rules]
        try:
            for rule, meters in zip(rules, found, strict=True):
                self._check(rule, meters, tokens, second)
        except LimitExceeded:
            self._tell(call, rules, found, second)
            raise
        for meters in found:
            meters.requests.add(1, second)
            meters.input.add(tokens, second)
            meters.under_way += 1
        self._admitted[call.id] = found, tokens, second
        self._tell(call, rules, found, second)

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Count what it came to."""
        found, reckoned, second = self._admitted.pop(call.id, ((), 0, 0))
        if not found:
            return
        usage, now = outcome.usage, int(self._clock())
        for meters in found:
            meters.under_way -= 1
            if usage is not None:
                if second >= now - 60:
                    meters.input.add(usage.input_tokens - reckoned, second)
                meters.output.add(usage.output_tokens, now)
        if usage is not None and not usage.estimated and call.deployment:
            self._estimator.learn(call, call.deployment.choices[0], usage)

    def _check(self, rule: LimitRule, meters: Meters, tokens: int, now: int) -> None:
        of = self.share.of
        most = rule.concurrency
        if most is not None and meters.under_way >= of(most):
            raise _exceeded(rule, f"{most} calls at once", 1)
        asked = (
            (meters.requests, rule.requests_per_minute, 1, "calls"),
            (meters.input, rule.input_tokens_per_minute, tokens, "input tokens"),
            (meters.output, rule.output_tokens_per_minute, 1, "output tokens"),
        )
        for meter, limit, wanted, words in asked:
            if limit is None:
                continue
            own = of(limit)
            wait_s = meter.room_in_s(wanted, own, now) if own else 60
            if wait_s:
                raise _exceeded(rule, f"{limit} {words} a minute", wait_s)

    def _tell(
        self,
        call: Call,
        rules: Sequence[LimitRule],
        found: Sequence[Meters],
        second: int,
    ) -> None:
        nearest = standings(self._counted(rules, found), second)
        call.told |= headers_of(nearest, call.dialect, call.received_us)

    def _counted(
        self, rules: Sequence[LimitRule], found: Sequence[Meters]
    ) -> Iterator[Found]:
        of = self.share.of
        for rule, meters in zip(rules, found, strict=True):
            if (limit := rule.requests_per_minute) is not None:
                yield "requests", limit, of(limit), meters.requests
            if (limit := rule.input_tokens_per_minute) is not None:
                yield "input", limit, of(limit), meters.input
            if (limit := rule.output_tokens_per_minute) is not None:
                yield "output", limit, of(limit), meters.output

    def _of(self, key: tuple[str, str], second: int) -> Meters:
        if key not in self._meters:
            if len(self._meters) >= MANY:
                kept = {k: m for k, m in self._meters.items() if not m.quiet(second)}
                self._meters = kept
            self._meters[key] = Meters()
        return self._meters[key]


def limits_of(
    contents: Iterable[Mapping[str, Any]], names: Mapping[str, str]
) -> tuple[LimitRule, ...]:
    """Return the limits with these contents, in the order of their names.

    *names* gives the name that a principal has for the one that the stack writes.
    """
    rules = [_rule(content, names) for content in contents]
    return tuple(sorted(rules, key=lambda rule: rule.name))


def _rule(content: Mapping[str, Any], names: Mapping[str, str]) -> LimitRule:
    spec = RateLimit(**content["spec"])
    written = spec.scope.principal or ""
    who = names.get(written, written)
    return LimitRule(
        name=content["metadata"]["name"],
        scope=scope_of(spec.scope.model_dump(), tenant_of(content), who),
        **spec.model_dump(exclude={"scope"}),
    )


def _exceeded(rule: LimitRule, words: str, wait_s: int) -> LimitExceeded:
    return LimitExceeded(
        f"the limit {rule.name!r} of {words} is reached",
        hint=f"come back in {wait_s} s",
        retry_after_s=float(wait_s),
    )
