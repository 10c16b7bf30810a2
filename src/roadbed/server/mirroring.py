"""Puts calls that were answered to a newer version too, in the background.

The answer of a call never waits for its copy: a copy begins once the answer is out, a
few are under way at once, and what there is no room for is dropped and counted.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from roadbed.access.steps import questions_of, together
from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import BudgetExhausted, RateLimited, RoadbedError
from roadbed.core.ids import Uuid7
from roadbed.gateway.attempts import Attempts
from roadbed.gateway.capture import record_of
from roadbed.gateway.steps import Record, Records, Watch
from roadbed.inference.call import Arm, Call, Outcome, TensorRequest
from roadbed.inference.path import Path, idle
from roadbed.inference.purse import Purse
from roadbed.inference.record import CallRecord, Payload
from roadbed.inference.snapshot import Arms, Snapshot
from roadbed.inference.trace import received, traced
from roadbed.rollouts.mirror import (
    ROLLOUT,
    Pair,
    agreed,
    agrees,
    copied,
    is_drawn,
    labels_of,
    mirror_of,
    said_of,
    unit_of,
    within,
)
from roadbed.rollouts.steps import flaws_of
from roadbed.server.lane import Lane
from roadbed.server.metrics import Gauges
from roadbed.server.switch import Switch

TEXTS_AT_ONCE = 8
TENSORS_AT_ONCE = 1
"""Models in this process share its processors with calls that somebody waits for."""
GRACE_S = 5.0
PAUSE_S = 10.0
"""How long nothing is copied after a provider asked for patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """A call that is to be copied: how and when it ended, and for which rollout."""

    call: Call
    outcome: Outcome
    ended_ns: int
    rollout: str


@dataclass(slots=True, kw_only=True)
class Counts:
    """What became of calls that were drawn, since the start of this process.

    `skipped` must not be copied, `spent` came after the budget was, `unasked` came to
    no model: its provider asked for patience, or the rollout had moved on.
    """

    asked: int = 0
    skipped: int = 0
    spent: int = 0
    unasked: int = 0
    cost_nano: int = 0


Seen = Callable[[Pair], None]
"""Is shown each pair that can be compared. At once, without I/O; raises nothing."""


class Mirror:
    """A step: copies calls, once they were answered, to the version that takes over.

    Everything happens on the event loop. A copy is a call of its own on record, in the
    trace of its call and with the same unit; `seen` is shown both.
    """

    def __init__(
        self,
        switch: Switch,
        purse: Purse,
        records: Records,
        where: tuple[str, Clock],
        watches: Sequence[Watch] = (),
        seen: Seen | None = None,
    ) -> None:
        self._switch, self._seen = switch, seen
        self._region, self._clock = where
        self._watches = tuple(watches)
        kept = Record(_Asked(records), self._region, watches=[self._watch])
        self._path = Path([kept, _Compare(self)], Attempts(purse))
        self._texts, self._tensors = Lane(TEXTS_AT_ONCE), Lane(TENSORS_AT_ONCE)
        self._under_way: dict[str, _Answered] = {}
        self._over: set[str] = set()
        self._quiet_s: dict[str, float] = {}
        self._shown: tuple[Snapshot, Snapshot] | None = None
        self._new_id = Uuid7()
        self.counts = Counts()

    @idle
    def admit(self, call: Call) -> None:
        """Do nothing on the way in."""

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Have the call copied once its answer is out, if chance draws it."""
        deployment = call.deployment
        arms = deployment.arms if deployment else None
        if arms is None or not is_drawn(arms, call, outcome):
            return
        if arms.rollout in self._over:
            self.counts.spent += 1
            return
        answered = _Answered(
            call=call,
            outcome=outcome,
            ended_ns=time.monotonic_ns(),
            rollout=arms.rollout,
        )
        call.then = partial(self._offer, answered)

    async def idle(self) -> None:
        """Wait until every copy has ended."""
        await asyncio.gather(self._texts.idle(), self._tensors.idle())

    async def close(self) -> None:
        """Ask no more, and let go of what is under way."""
        await asyncio.gather(self._texts.close(), self._tensors.close())

    def gauges(self) -> Gauges:
        """Return the numbers about copies."""
        counts, lanes = self.counts, (self._texts, self._tensors)
        found = {
            "asked": ("Copies of calls that a newer version was asked.", counts.asked),
            "dropped": (
                "Copies that there was no room for.",
                sum(lane.dropped for lane in lanes),
            ),
            "skipped": ("Calls drawn that must not be copied.", counts.skipped),
            "spent": ("Calls drawn after the budget was spent.", counts.spent),
            "unasked": ("Copies that came to no model.", counts.unasked),
            "queued": ("Copies that wait.", sum(map(len, lanes))),
            "usd": ("What copies cost, in US dollars.", counts.cost_nano / 1e9),
        }
        return {f"roadbed_mirror_{k}": (t, float(v)) for k, (t, v) in found.items()}

    def _offer(self, answered: _Answered) -> None:
        tensors = isinstance(answered.call.request, TensorRequest)
        lane = self._tensors if tensors else self._texts
        lane.offer(partial(self._copy, answered), len(answered.call.body))

    async def _copy(self, answered: _Answered) -> None:
        with self._switch.borrow() as snapshot:
            call = self._call(answered, snapshot)
            if call is None:
                return
            self._under_way[call.id] = answered
            try:
                await self._ask(call)
            finally:
                del self._under_way[call.id]

    def _call(self, answered: _Answered, snapshot: Snapshot) -> Call | None:
        """Return the copy, None if it is not to be asked, which is counted."""
        call, counts = answered.call, self.counts
        served = snapshot.deployments.get(call.endpoint)
        arms = served.arms if served else None
        now_s = time.monotonic()
        if (
            arms is None
            or not (arms.mirrored and arms.rollout == answered.rollout)
            or self._quiet_s.get(arms.rollout, 0.0) > now_s
        ):
            counts.unasked += 1
            return None
        if arms.rollout in self._over:
            counts.spent += 1
            return None
        request = copied(call)
        made = None if request is None else self._made(call, request, snapshot, arms)
        if made is None:
            counts.skipped += 1
        return made

    def _made(
        self, call: Call, request: Any, snapshot: Snapshot, arms: Arms
    ) -> Call | None:
        """Return the copy, None if its caller may not ask the newer version."""
        shown = self._shown_of(snapshot)
        newer, caller = shown.deployments[call.endpoint], call.principal
        if caller is None:
            return None
        asked = questions_of(newer)
        decision = together(shown.authority.decide_all(caller, asked))
        if not decision.allowed:
            return None
        trace = received(traced(call).get("traceparent", ""), call.trace_state)
        facts = _same(call, request, arms) | trace._asdict()
        return Call(
            id=f"{self._region}-{self._new_id()}",
            received_us=to_us(self._clock.now()),
            started_ns=time.monotonic_ns(),
            snapshot=shown,
            decision=decision,
            deployment=newer,
            number=newer.version.number,
            **facts,
        )

    async def _ask(self, call: Call) -> None:
        """Read the answer to its end; how it ends, also badly, is on record."""
        assert call.deployment is not None
        longest_s = call.deployment.deadline_ms / 1e3 + GRACE_S
        try:
            async with (
                asyncio.timeout(longest_s),
                aclosing(self._path.travel(call)) as chunks,
            ):
                async for _ in chunks:
                    pass
        except RateLimited:
            self._quiet_s[call.labels[ROLLOUT]] = time.monotonic() + PAUSE_S
        except BudgetExhausted:
            self._over.add(call.labels[ROLLOUT])
        except (RoadbedError, TimeoutError):
            pass  # It is on record.

    def _shown_of(self, snapshot: Snapshot) -> Snapshot:
        if self._shown is None or self._shown[0] is not snapshot:
            self._shown = snapshot, mirror_of(snapshot)
        return self._shown[1]

    def compared(self, call: Call, outcome: Outcome) -> None:
        """Note whether a copy says the same as its call, before it is recorded."""
        same = agrees(self._under_way[call.id].outcome, outcome)
        call.labels = {**call.labels, **said_of(same)}
        if call.arm is not None and (flaws := flaws_of(call, outcome)):
            call.arm = replace(call.arm, flaws=flaws)

    def _watch(self, call: Call, record: CallRecord) -> None:
        """Count a copy, and show it with its call to whoever compares them."""
        if not call.attempts:
            over = record.error == BudgetExhausted.code
            self.counts.spent += over
            self.counts.unasked += not over
            return
        self.counts.asked += 1
        self.counts.cost_nano += record.cost_nano
        for watch in self._watches:
            watch(call, record)
        unfair = record.status == "cancelled" or record.error == RateLimited.code
        if self._seen is not None and not unfair:
            self._seen(self._pair(call, record))

    def _pair(self, call: Call, record: CallRecord) -> Pair:
        answered = self._under_way[call.id]
        first = record_of(
            answered.call,
            answered.outcome,
            None,
            region=self._region,
            now_ns=answered.ended_ns,
        )
        assert call.deployment is not None
        assert call.arm is not None
        longest_ms = call.deployment.deadline_ms
        return Pair(
            rollout=call.arm.rollout,
            unit=call.arm.unit,
            call=within(first, longest_ms),
            copy=within(record, longest_ms),
            agrees=agreed(call.labels),
            flaws=(_flaws(answered.call), call.arm.flaws),
        )


def _flaws(call: Call) -> frozenset[str]:
    return call.arm.flaws if call.arm else frozenset()


def _same(call: Call, request: Any, arms: Arms) -> dict[str, Any]:
    """Return what a copy of *call* that asks *request* has of it, and its arm."""
    unit, bucket = unit_of(arms, call)
    whose = {"rollout": arms.rollout, "unit": unit, "bucket": bucket}
    same = request is call.request
    return {
        "dialect": call.dialect,
        "endpoint": call.endpoint,
        "request": request,
        "body": call.body if same else msgspec.json.encode(request.fields),
        "labels": labels_of(arms.rollout, call),
        "arm": Arm(side="new", mirrored=True, **whose),
        "principal": call.principal,
    }


class _Asked:
    """A call log that keeps no copy which came to no model: nothing was asked."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def put(
        self, record: CallRecord, payload: Payload | None, *, durable: bool = True
    ) -> "asyncio.Future[None] | None":
        if record.attempts:
            return self._records.put(record, payload, durable=durable)
        return None


class _Compare:
    """A step: holds the answer of a copy against that of its call."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    @idle
    def admit(self, call: Call) -> None:
        """Do nothing on the way in."""

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Label the copy."""
        self._mirror.compared(call, outcome)
