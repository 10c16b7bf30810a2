"""What an attempt promises whoever pays, whoever may, and whoever waits."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.actor import Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import (
    BudgetExhausted,
    Denied,
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.gateway.attempts import Attempts
from roadbed.inference.call import Chunk, Outcome, Usage
from roadbed.inference.path import Path
from roadbed.inference.purse import Bill
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Upstream
from roadbed.inference.terms import Terms
from tests.inference.calls import a_call

WELL = (Chunk(text="well"), Chunk(finish="stop", usage=Usage(output_tokens=1)))
ALICE = Principal(kind="service-account", name="alice", roles=frozenset({"user"}))


class Purse:
    """Counts what is held and settled; `poor` holds nothing for these upstreams."""

    def __init__(self, poor=()):
        self.held, self.bills, self.poor = [], [], poor

    async def hold(self, call, choice, upstream):
        await asyncio.sleep(0)
        if upstream.name in self.poor:
            raise BudgetExhausted("spent")
        self.held.append(upstream.name)
        return Hold(self, len(self.held) - 1)


class Hold:
    def __init__(self, purse, number):
        self.purse, self.number = purse, number

    def settle(self, usage, said, *, sent=True):
        self.purse.bills.append((self.number, said, sent))
        return Bill(10 if sent else 0, "list" if sent else "", usage)


class Scripted:
    """Follows one script after another: chunks, errors to raise, seconds to wait."""

    def __init__(self, *scripts):
        self.scripts, self.calls, self.ended = scripts, 0, 0

    async def send(self, call):
        script = self.scripts[min(self.calls, len(self.scripts) - 1)]
        self.calls += 1
        try:
            for part in script:
                if isinstance(part, RoadbedError):
                    raise part
                if isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    yield part
        finally:
            self.ended += 1


class Rules:
    """Allows what is not forbidden by the name of a version, or by its region."""

    digest = ""

    def __init__(self, *forbidden):
        self.forbidden, self.asked = forbidden, []

    def decide(self, principal, action, target, now_us=0):
        self.asked.append((action, target.name, target.attributes.get("region")))
        facts = {target.name, target.attributes.get("region")}
        allowed = facts.isdisjoint(self.forbidden)
        return Decision(allowed=allowed, reasons=("a rule",), policy_digest="")

    def decide_all(self, principal, asked, now_us=0):
        return tuple(self.decide(principal, *one) for one in asked)


def choice(number, *runners, regions=()):
    version = ModelVersion(
        model=f"m{number}", number=1, digest="", definition={"hosted": {}}
    )
    names = "abcdef"[: len(runners)]
    places = [*regions, *[""] * len(runners)]
    ups = tuple(
        Upstream(runner=r, provider="p", name=f"{number}{n}", region=where)
        for n, r, where in zip(names, runners, places, strict=False)
    )
    return Choice(version=version, upstreams=ups)


def call_of(*choices, rules=None, **terms):
    known = Terms(**{"retries": {"backoff_ms": 1}, **terms})
    deployed = Deployment(
        endpoint="e",
        choices=choices,
        deadline_ms=known.deadline_ms,
        terms=known,
    )
    made = a_call(deployed)
    made.snapshot = replace(made.snapshot, authority=rules or Rules())
    made.principal, made.started_ns = ALICE, time.monotonic_ns()
    return made


def travel(call, purse=None, random=1):
    """Return the text of the answer and the outcome, or raise."""
    outcome = Outcome()

    async def go():
        attempts = Attempts(purse or Purse(), random=Random(random))
        chunks = [c async for c in attempts(call, outcome)]
        return "".join(c.text for c in chunks)

    return asyncio.run(go()), outcome


ERRORS = (
    Unavailable("down"),
    TimedOut("silent"),
    Truncated("cut"),
    Refused("no"),
    RateLimited("busy", retry_after_s=0.001),
    ProviderError("html", upstream_status=302),
)
parts = st.sampled_from([Chunk(), Chunk(text="a"), 0.0, 0.002, *ERRORS, WELL[1]])
scripts = st.lists(parts, max_size=4).map(tuple)
runners = st.lists(scripts, min_size=1, max_size=3)
chains = st.lists(st.lists(runners, min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    chains,
    st.integers(1, 4),
    st.sampled_from([None, {"after_ms": 1}]),
    st.none() | st.integers(0, 12),
)
def test_every_attempt_is_paid_for_exactly_once(chain, cap, hedge, leave):
    """Pain 13: whatever fails, whoever wins and whenever the caller leaves."""
    made = [[Scripted(*r) for r in version] for version in chain]
    purse = Purse()
    call = call_of(
        *(choice(n, *version) for n, version in enumerate(made)),
        hedge=hedge,
        retries={"attempts": cap, "backoff_ms": 1},
    )

    async def go():
        asking = asyncio.current_task()
        if leave is not None:
            asyncio.get_running_loop().call_later(leave / 1e3, asking.cancel)
        path = Path([], Attempts(purse, random=Random(1)))
        shown = []
        try:
            async with aclosing(path.travel(call)) as chunks:
                async for chunk in chunks:
                    shown.append(chunk)
        except (RoadbedError, asyncio.CancelledError):
            pass
        return len(asyncio.all_tasks())

    try:
        tasks = asyncio.run(go())
    except asyncio.CancelledError:
        tasks = 1  # it was cancelled as the very last thing

    assert tasks == 1
    assert sorted(n for n, *_ in purse.bills) == list(range(len(purse.held)))
    assert len(call.attempts) == len(purse.held) <= cap
    assert all(t.status for t in call.attempts)
    assert sum(t.status == "ok" for t in call.attempts) <= 1
    every = [r for version in made for r in version]
    assert all(r.ended == r.calls for r in every)


class Clings(Scripted):
    """Says nothing, and takes its time to end once it is let go."""

    def __init__(self):
        super().__init__((5.0,))
        self.letting_go = asyncio.Event()

    async def send(self, call):
        try:
            async for chunk in super().send(call):
                yield chunk
        finally:
            self.letting_go.set()
            await asyncio.sleep(0.05)


def test_a_winner_is_paid_for_though_the_caller_leaves_while_the_loser_ends():
    slow, fast, purse = Clings(), Scripted(WELL), Purse()
    call = call_of(choice(1, slow, fast), hedge={"after_ms": 1})

    async def go():
        asking = asyncio.ensure_future(
            anext(Attempts(purse, random=Random(1))(call, Outcome()))
        )
        await slow.letting_go.wait()
        asking.cancel()
        await asyncio.wait([asking])

    asyncio.run(go())

    assert sorted(n for n, *_ in purse.bills) == [0, 1]
    assert sorted(t.status for t in call.attempts) == ["cancelled", "lost"]
    assert (slow.ended, fast.ended) == (1, 1)


def test_what_was_not_sent_costs_nothing_and_what_was_does():
    refused, cut = Unavailable("503", upstream_status=503), Truncated("cut")
    call = call_of(choice(1, Scripted((refused,), (cut,))), choice(2, Scripted(WELL)))
    purse = Purse()
    text, outcome = travel(call, purse)

    assert text == "well"
    assert [sent for *_, sent in purse.bills] == [False, True, True]
    assert outcome.cost_nano == sum(t.cost_nano for t in call.attempts) == 20
    assert outcome.price == "list"


def test_a_first_choice_that_cannot_be_paid_for_is_told_as_it_is():
    call = call_of(choice(1, Scripted(WELL)), choice(2, Scripted(WELL)))
    with pytest.raises(BudgetExhausted):
        travel(call, Purse(poor={"1a"}))

    assert call.attempts == []


def test_a_fallback_that_cannot_be_paid_for_does_not_hide_the_cause():
    """Pain 11: the first cause is told, and the chain says what stood in the way."""
    call = call_of(choice(1, Scripted((TimedOut("s"),))), choice(2, Scripted(WELL)))
    with pytest.raises(TimedOut) as raised:
        travel(call, Purse(poor={"2a"}))

    assert raised.value.chain == (
        "m1@1 at p/1a: provider_timeout",
        "m2@1 at p/2a: budget_exhausted",
    )


def test_a_fallback_that_is_for_others_is_never_asked():
    secret = Scripted(WELL)
    rules = Rules("m2@1")
    chain = choice(1, Scripted((Unavailable("down"),))), choice(2, secret)
    with pytest.raises(Unavailable):
        travel(call_of(*chain, rules=rules))

    assert secret.calls == 0
    assert ("version.infer", "m2@1", None) in rules.asked


def test_a_place_in_another_region_is_never_asked_where_that_is_forbidden():
    far, near = Scripted(WELL), Scripted(WELL)
    for seed in range(8):
        one = choice(1, near, far, regions=("eu-west", "us-east"))
        travel(call_of(one, rules=Rules("us-east")), random=seed)

    assert (near.calls, far.calls) == (8, 0)


def test_a_choice_whose_places_are_all_forbidden_is_denied_with_the_reason():
    one = choice(1, Scripted(WELL), Scripted(WELL), regions=("eu-west", "us-east"))
    with pytest.raises(Denied, match="a rule"):
        travel(call_of(one, rules=Rules("us-east", "eu-west")))


def test_who_names_a_version_gets_no_other():
    spare = Scripted(WELL)
    call = call_of(choice(1, Scripted((TimedOut("s"),))), choice(2, spare))
    call.number = 1
    with pytest.raises(TimedOut):
        travel(call)

    assert spare.calls == 0


def test_nothing_is_shown_before_there_is_something_to_show():
    """Pain 10: pieces that only say "alive" do not nail the call to its upstream."""
    mute = Scripted((Chunk(raw=b"role"), Chunk(), Truncated("cut")))
    call = call_of(choice(1, mute), choice(2, Scripted(WELL)))

    async def read():
        return [c async for c in Attempts()(call, Outcome())]

    assert asyncio.run(read()) == list(WELL)


def test_an_open_breaker_sends_calls_elsewhere_and_asks_in_need():
    down = [Scripted((Unavailable("down"),)) for _ in "ab"]
    spare = Scripted(*[WELL] * 8, (Unavailable("down"),))
    chain = choice(1, *down), choice(2, spare)

    async def go():
        attempts, answered = Attempts(random=Random(5)), 0
        for _ in range(9):
            with Quietly():
                async for _ in attempts(call_of(*chain), Outcome()):
                    pass
                answered += 1
        before = down[0].calls + down[1].calls
        return answered, before

    answered, before = asyncio.run(go())

    assert answered == 8
    assert before < 18, "most calls went straight to the fallback"


class Quietly:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, ProviderError)


def test_a_breaker_alone_refuses_no_call():
    """Never are all places ejected: where nobody is well, one is asked."""
    flaky = Scripted(*[(Unavailable("down"),)] * 6, WELL)
    call = [call_of(choice(1, flaky), retries={"attempts": 1}) for _ in range(7)]
    same = call[0].deployment

    async def go():
        attempts, said = Attempts(), []
        for one in call:
            one.deployment, one.snapshot = same, call[0].snapshot
            with Quietly():
                said += [c.text async for c in attempts(one, Outcome())]
        return said

    assert asyncio.run(go()) == ["well", ""]
