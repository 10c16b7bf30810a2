"""Made-up rollouts: a plan, what its versions do, what people do, and what happens."""

import random
from dataclasses import dataclass, field, replace

from roadbed.core.errors import Conflict
from roadbed.rollouts import store
from roadbed.rollouts.acts import act
from roadbed.rollouts.decide import decide
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Guardrail, Plan, Step
from roadbed.rollouts.state import State

ACTS = ("approve", "pause", "resume", "promote", "rollback", "abort", "supersede")


@dataclass
class Moment:
    """One thing that happened: from a state to a state, by a look or by somebody."""

    before: State
    after: State
    at_s: float
    evidence: Evidence | None = None
    act: str = ""


@dataclass
class History:
    """A plan and all that happened under it."""

    plan: Plan
    moments: list[Moment] = field(default_factory=list)

    @property
    def end(self):
        return self.moments[-1].after


def a_plan(chance):
    """Return any plan."""
    weights = sorted(chance.sample([100, 500, 1000, 2500, 5000, 9000, 10_000], 3))
    steps = tuple(
        Step(
            weight=weight,
            hold_s=chance.choice([0, 60, 300]),
            units=chance.choice([0, 20, 200]),
            deadline_s=chance.choice([600, 3600]),
        )
        for weight in weights[: chance.randint(1, 3)]
    )
    strategies = ["canary", "canary", "blue-green", "experiment", "shadow"]
    strategy = chance.choice(strategies)
    if chance.random() < 0.3:
        steps = (replace(steps[0], weight=5000, first=True), *steps)
    return Plan(
        strategy=strategy,
        steps=steps,
        guardrails=(
            Guardrail(name="errors", margin=chance.choice([0.02, 0.2])),
            Guardrail(name="cost", kind="continuous", margin=0.5),
        )[: chance.randint(0, 2)],
        shadow_s=120 if strategy == "shadow" else chance.choice([0, 0, 120]),
        shadow_units=20,
        soak_s=chance.choice([0, 300]),
        ready=chance.choice([0.5, 1.0]),
    )


def play(seed, *, looks=40, meddling=0.1):
    """Return the history with this *seed*: *meddling* is how often somebody acts."""
    chance = random.Random(seed)
    history = History(a_plan(chance))
    rates = (0.02, chance.choice([0.0, 0.02, 0.02, 0.3]))
    traffic = chance.choice([0, 20, 200])
    tripping = chance.choice([0, 0, 0.05])
    state, now_s = State(), 0.0
    for _ in range(looks):
        now_s += 60
        if state.phase == "draft" or chance.random() < meddling:
            what = "approve" if state.phase == "draft" else chance.choice(ACTS)
            try:
                after = act(history.plan, state, what, "because", now_s)
            except Conflict:
                continue
            history.moments.append(Moment(state, after, now_s, act=what))
        else:
            evidence = _look(chance, history.plan, state, rates, traffic, tripping)
            after = decide(history.plan, state, evidence, now_s)
            history.moments.append(Moment(state, after, now_s, evidence))
        state = after
    return history


def _look(chance, plan, state, rates, traffic, tripping):
    weight = state.weight(plan)
    shadowed = state.phase == "shadow"
    new = sum(chance.random() < weight / 10_000 for _ in range(traffic))
    old = traffic - new
    both = (traffic, traffic) if shadowed else (old, new)
    bad = [
        sum(chance.random() < rate for _ in range(n))
        for n, rate in zip(both, rates, strict=True)
    ]
    costs = [Numbers.of(*(chance.gauss(5, 1) for _ in range(min(n, 20)))) for n in both]
    return Evidence(
        old=0 if shadowed else old,
        new=traffic if shadowed else new,
        weight=weight,
        looks={
            "errors": Both(old=Counts(bad[0], both[0]), new=Counts(bad[1], both[1])),
            "cost": Both(old=costs[0], new=costs[1]),
        },
        tripped=("it failed to load",) if chance.random() < tripping else (),
        ready=chance.choice([0.4, 1.0]),
        back=chance.choice([0.5, 1.0]),
    )


def keep(connection, history, begun):
    """Put *history* through the store as the rollout *begun*, and end it."""
    store.begin(connection, begun, "pinned")
    try:
        store.begin(connection, replace(begun, id="another"), "again")
    except Conflict:
        pass
    else:
        raise AssertionError("two rollouts are under way on one endpoint")
    now = begun
    for moment in history.moments:
        if moment.after == moment.before:
            continue
        at_us = round(moment.at_s * 1e6)
        store.change(connection, now, moment.after, "who", {}, at_us)
        now = store.get(connection, begun.id)
        assert now.state == moment.after
    revisions = [c.revision for c in store.changes_of(connection, begun.id)]
    assert revisions == [*range(now.state.revision + 1)]
    if not now.state.over:
        ended = {"phase": "aborted", "revision": now.state.revision + 1}
        store.change(connection, now, replace(now.state, **ended), "who", {}, 0)
