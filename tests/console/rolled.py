"""A line whose endpoints are rolled out: real rows, made by real looks."""

import math
import random
from dataclasses import replace

import sqlalchemy as sa

from roadbed.access.visible import Viewer
from roadbed.console.app import make_console
from roadbed.console.rollouts.live import LiveRollouts
from roadbed.control.rollouts import steer
from roadbed.gateway.release import Release
from roadbed.rollouts import store
from roadbed.rollouts.decide import decide
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both, Evidence
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.planned import AT_ONCE, plan_of
from roadbed.rollouts.rollout import CONTROLLER, Rollout
from roadbed.rollouts.state import State
from roadbed.rollouts.tables import rollout_replicas
from tests.console.rooms import Rooms
from tests.console.served import READER, Authority, Sessions, application_of
from tests.control.stacks import ECHO, endpoint, hosted

MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
STEPS = [
    {"percent": 5, "hold_s": 900, "units": 200},
    {"percent": 25, "hold_s": 1800, "units": 600},
    {"percent": 50, "hold_s": 3600, "units": 1500},
    {"percent": 100, "hold_s": 3600, "units": 3000},
]
BLOCK = Release.model_validate(
    {
        "unit": "user",
        "steps": STEPS,
        "guardrails": [
            {"metric": "errors", "margin": 0.02},
            {"metric": "slow", "margin": 0.03},
            {"metric": "disliked", "margin": 0.05, "judge": False},
            {"metric": "output-tokens", "margin": 0.15},
        ],
        "soak_s": 86_400,
    }
)
NAMES = ("handbook", "reply-draft", "risk-score", "search-rank", "support", "triage")
GOOD = {"errors": (0.013, 0.012), "slow": (0.04, 0.035), "disliked": (0.05, 0.05)}


class Rolled(Rooms):
    """Endpoints that each pin the second version of a model of their own."""

    def furnish(self, names=NAMES):
        """Declare everything, twice, and return it a month later."""
        for number in (1, 2):
            models = [hosted(f"{n}-model", f"echo-{number}") for n in names]
            pins = [endpoint(n, f"{n}-model@{number}") for n in names]
            self.declare(ECHO, *models, *pins)
        self.clock.advance(days=30)
        return self

    def begin(self, name, block=BLOCK, *, ago_us=0, reason="pinned by r2", **more):
        """Begin a rollout of the second version of an endpoint, and return it."""
        plan = plan_of(block, promises_latency=False) if block else AT_ONCE
        waits = block is not None and block.approval
        phase = "promoted" if block is None else "draft" if waits else "approved"
        at_us = self.now_us - ago_us
        known = {
            "id": f"ro-{name}",
            "endpoint": name,
            "tenant": "default",
            "declared": f"{name}-model@2",
            "old": f"{name}-model@1",
            "new": f"{name}-model@2",
            "old_digest": "sha256:1",
            "new_digest": "sha256:2",
            "plan": plan,
            "state": State(phase=phase, since_s=at_us / 1e6, reason=reason),
            "snapshot": 2,
            "started_by": "service-account:ci",
            "started_us": at_us,
            "changed_us": at_us,
            "spec": block.model_dump(mode="json") if block else {},
        }
        rollout = Rollout(**{**known, **more})
        with self.database.write() as connection:
            store.begin(connection, rollout, reason)
        return rollout

    def look(self, rollout, seed, *, minutes, users=1500, rates=GOOD, **more):
        """Let so many minutes pass; return the rollout then.

        There is a look `every` so many minutes, which sees as many *users*.
        """
        chance = random.Random(seed)
        with self.database.write() as connection:
            at_us = rollout.changed_us
            for _ in range(minutes // more.get("every", 1)):
                at_us += more.get("every", 1) * MINUTE_US
                evidence = self._evidence(chance, rollout, users, rates, more)
                state = decide(rollout.plan, rollout.state, evidence, at_us / 1e6)
                if state != rollout.state:
                    told = _told(evidence)
                    rollout = store.change(
                        connection, rollout, state, CONTROLLER, told, at_us
                    )
                if rollout.state.over:
                    break
        return rollout

    def act(self, rollout, what, reason, actor="user:company#mira", ago_us=0):
        """Let somebody do *what*, and return the rollout then."""
        at_us = max(rollout.changed_us + MINUTE_US, self.now_us - ago_us)
        with self.database.write() as connection:
            return steer(connection, rollout, what, reason, actor, at_us)

    def say(self, rollout, *lines):
        """Let replicas say what they serve: name, state, weight and reason of each."""
        table = rollout_replicas
        with self.database.write() as connection:
            connection.execute(sa.delete(table).where(table.c.rollout == rollout.id))
            for at, (name, state, weight, reason) in enumerate(lines):
                connection.execute(
                    table.insert().values(
                        rollout=rollout.id,
                        replica=name,
                        serving=7,
                        weight=weight,
                        state=state,
                        reason=reason,
                        seen_us=self.now_us - 400_000 * at,
                    )
                )
        return rollout

    def seen_by(self, authority=None, principal=READER, **who):
        """Return what somebody sees of rollouts."""
        viewer = Viewer(
            authority=authority or Authority(),
            principal=replace(principal, **who),
            now_us=self.now_us,
        )
        return LiveRollouts(self.database, viewer)

    def application(self, authority=None, refused=print):
        """Return the console of this line as an ASGI application."""
        routes = make_console(
            self.source(),
            Sessions(),
            authority or Authority(),
            refused=refused,
            now_us=lambda: self.now_us,
        )
        return application_of(routes)

    def _evidence(self, chance, rollout, users, rates, more):
        weight = rollout.weight
        share = more.get("share", weight / 10_000)
        if rollout.state.phase == "shadow":
            share = 0.5
        new = drawn(chance, users, share)
        sides = (users - new, new)
        looks = {
            name: Both(
                old=Counts(drawn(chance, sides[0], both[0]), sides[0]),
                new=Counts(drawn(chance, new, both[1]), new),
            )
            for name, both in rates.items()
        }
        looks["output-tokens"] = Both(
            old=numbers(chance, sides[0], 1.0),
            new=numbers(chance, new, 1.02),
        )
        known = {g.name for g in rollout.plan.guardrails}
        shadow = rollout.state.phase == "shadow"
        return Evidence(
            old=0 if shadow else sides[0],
            new=sides[1],
            weight=weight,
            looks={name: look for name, look in looks.items() if name in known},
            ready=more.get("ready", 1.0),
            back=more.get("back", 1.0),
        )


def drawn(chance, n, rate):
    """Return how many of *n* are bad, about where there are many."""
    if n < 50:
        return sum(chance.random() < rate for _ in range(n))
    spread = math.sqrt(n * rate * (1 - rate))
    return min(n, max(0, round(chance.gauss(n * rate, spread))))


def numbers(chance, n, mean):
    """Return about how long *n* answers are, as a multiple of what they were."""
    if not n:
        return Numbers()
    return Numbers(n, chance.gauss(mean, 0.3 / math.sqrt(n)), 0.09 * n)


def _told(evidence):
    """Return a look as the controller writes it down."""
    sides = {
        name: {
            side: [look.bad, look.of]
            if isinstance(look, Counts)
            else [look.n, look.mean]
            for side, look in (("old", both.old), ("new", both.new))
        }
        for name, both in evidence.looks.items()
    }
    return {
        "units": {"old": evidence.old, "new": evidence.new},
        "weight": evidence.weight,
        "ready": evidence.ready,
        "back": evidence.back,
        "looks": sides,
    }


BAD = GOOD | {"errors": (0.012, 0.14)}
SHADOWED = BLOCK.model_copy(
    update={"shadow": Release.model_validate({"shadow": {}}).shadow}
)
ASKED = BLOCK.model_copy(update={"approval": True})
PODS = ("roadbed-0-7f9c", "roadbed-1-7f9c", "roadbed-2-7f9c", "roadbed-3-7f9c")
WAY = "merged r2: answers in two sentences"


def several(line):
    """Give *line* a rollout in each state that people meet, and return them by name."""
    made = {}
    made["first"] = line.begin("handbook", None, ago_us=9 * DAY_US, id="ro-first")
    old = line.begin("triage", ago_us=6 * DAY_US, id="ro-older", reason=WAY)
    made["promoted"] = line.look(old, 3, minutes=60 * 36, every=20)
    dropped = line.begin("reply-draft", ASKED, ago_us=5 * DAY_US, id="ro-dropped")
    made["aborted"] = line.act(dropped, "abort", "the prompt was wrong", ago_us=DAY_US)
    made["handbook"] = line.begin("handbook", ASKED, ago_us=2 * HOUR_US, reason=WAY)
    begun = line.begin("support", ago_us=95 * MINUTE_US, reason=WAY)
    made["support"] = line.look(begun, 11, minutes=94, every=2)
    line.say(
        made["support"], *((pod, "ready", made["support"].weight, "") for pod in PODS)
    )
    begun = line.begin("triage", ago_us=70 * MINUTE_US, reason=WAY)
    made["triage"] = line.look(begun, 5, minutes=68, rates=BAD)
    begun = line.begin("risk-score", SHADOWED, ago_us=80 * MINUTE_US, reason=WAY)
    made["risk-score"] = line.look(begun, 8, minutes=70, share=0.028, every=2)
    line.say(made["risk-score"], *((pod, "ready", 500, "") for pod in PODS))
    begun = line.begin("search-rank", ago_us=4 * MINUTE_US, reason=WAY)
    made["search-rank"] = line.look(begun, 8, minutes=2, ready=0.5)
    line.say(
        made["search-rank"],
        (PODS[0], "ready", 0, ""),
        (PODS[1], "absent", 0, ""),
        (PODS[2], "failed", 0, "the artifact's digest differs"),
        (PODS[3], "ready", 0, ""),
    )
    begun = line.begin("reply-draft", ago_us=30 * HOUR_US, reason=WAY)
    made["reply-draft"] = line.look(begun, 8, minutes=60 * 29, users=4, every=20)
    line.say(made["reply-draft"], *((pod, "ready", 500, "") for pod in PODS[:2]))
    return made
