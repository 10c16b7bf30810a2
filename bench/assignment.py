"""What a rollout costs a call: CPU time of the steps that it adds, in microseconds.

`without` is an endpoint with one version, as most are most of the time. The others are
one with two, by what is assigned as a whole: who calls, a user who is named in a
header or in the body, or each call. `decide` is what Authorize costs beside it, which
decides on the version that answers, and `tally` what it takes to count the call.
"""

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec

from roadbed.access.authority import compile_policies
from roadbed.access.steps import Authorize
from roadbed.core.actor import Principal
from roadbed.inference.call import Call, Outcome
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import Conversation
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import (
    Arms,
    Choice,
    Deployment,
    ModelVersion,
    Snapshot,
    Unit,
)
from roadbed.rollouts.steps import Assign
from roadbed.rollouts.tallying import Tallies

TURNS, ROUNDS = 20_000, 7
CALLER = Principal(kind="service-account", name="shop", roles=frozenset({"app"}))
BODY = {"user": msgspec.Raw(b'"user-4711"'), "model": msgspec.Raw(b'"bot"')}


def main() -> None:
    """Measure, and print a table."""
    print(f"{'':>24} {'assign':>8} {'decide':>8} {'tally':>8}   µs per call")
    for name, call in calls().items():
        assign, authorize, tallies = Assign(), Authorize(), Tallies()
        record = recorded(call)
        outcome = Outcome(status="ok")

        def both(call: Call = call, assign: Assign = assign, o: Any = outcome) -> None:
            assign.admit(call)
            assign.finish(call, o)

        took = (
            spent(both),
            spent(lambda c=call, a=authorize: a.admit(c)),
            spent(lambda c=call, r=record, t=tallies: t.watch(c, r)),
        )
        print(f"{name:>24} " + " ".join(f"{us:>8.2f}" for us in took))


def spent(work: Callable[[], object]) -> float:
    """Return the CPU time of *work* in microseconds, less that of doing nothing."""
    return max(0.0, _spent(work) - _spent(lambda: None))


def _spent(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for _ in range(TURNS):
            work()
        rounds.append((time.process_time_ns() - begun) / TURNS / 1e3)
    return statistics.median(rounds)


def calls() -> dict[str, Call]:
    """Return one call of each kind."""
    said = {"unit": "user-4711"}
    return {
        "without": call_to(bot(1)),
        "by who calls": call_to(bot(1, "principal")),
        "by a user in a header": call_to(bot(1, "user"), **said),
        "by a user in the body": call_to(bot(1, "user")),
        "by each call": call_to(bot(1, "call")),
    }


def bot(number: int, unit: Unit | None = None) -> Deployment:
    """Return an endpoint, with a canary of a quarter if units are of a kind."""
    version = ModelVersion(
        model="bot", number=number, digest=f"sha256:{number}", definition={"hosted": {}}
    )
    arms = None
    if unit is not None:
        newer = bot(number + 1)
        arms = Arms(rollout="ro", salt="bot", newer=newer, weight=2_500, unit=unit)
    choice = Choice.at(version, SimpleNamespace(), "up")
    return Deployment(endpoint="bot", choices=(choice,), arms=arms)


def call_to(deployment: Deployment, **more: Any) -> Call:
    """Return a call to *deployment*."""
    shown = Snapshot(
        revision=1,
        digest="",
        authority=compile_policies({}),
        credentials={},
        deployments={"bot": deployment},
    )
    return Call(
        id="local-0193f3d8-7c7a-7000-8000-000000000000",
        received_us=1,
        started_ns=1,
        dialect="openai",
        endpoint="bot",
        request=ChatRequest(fields=BODY, read=lambda _: Conversation(turns=())),
        principal=CALLER,
        snapshot=shown,
        **more,
    )


def recorded(call: Call) -> CallRecord:
    """Return the record of *call*, which went well."""
    return CallRecord(
        call_id=call.id,
        ts=1,
        region="local",
        tenant="default",
        endpoint="bot",
        kind="llm",
        dialect="openai",
        status="ok",
        model="bot@1",
        attempts=1,
        output_tokens=9,
        cost_nano=700,
    )


if __name__ == "__main__":
    main()
