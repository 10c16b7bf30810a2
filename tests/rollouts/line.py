"""A rollout in a database, replicas that speak, and tallied calls: no server."""

from dataclasses import replace

from roadbed.control.rollouts import new_rollout_id
from roadbed.database.upsert import upsert
from roadbed.gateway.release import CanaryStep, Release, Watched
from roadbed.rollouts import store
from roadbed.rollouts.assignment import bucket_in, number_of, takes
from roadbed.rollouts.controller import Controller
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import State
from roadbed.rollouts.tables import rollout_replicas, rollout_tallies
from roadbed.rollouts.tally import UnitSeen, packed

SECOND = 1_000_000
BEGAN_US = 1_800_000_000 * SECOND
RELEASE = Release(
    steps=[
        CanaryStep(percent=20, hold_s=10, units=20, deadline_s=600),
        CanaryStep(percent=50, hold_s=10, units=20, deadline_s=600),
    ],
    guardrails=[Watched(metric="errors", margin=0.2)],
    soak_s=10,
    unit="user",
)


class Line:
    """One endpoint `bot`, whose rollout begins at 0 seconds; `now_s` is settable."""

    def __init__(self, database, release=RELEASE, phase="approved", **plan):
        self.database = database
        self.now_s = 0.0
        self.controller = self.another("one")
        planned = replace(plan_of(release, promises_latency=False), **plan)
        began_s = BEGAN_US / SECOND
        rollout = Rollout(
            id=new_rollout_id(),
            endpoint="bot",
            tenant="default",
            declared="bot@2",
            old="bot@1",
            new="bot@2",
            old_digest="sha256:1",
            new_digest="sha256:2",
            plan=planned,
            state=State(phase=phase, since_s=began_s, reason="pinned"),
            snapshot=1,
            started_by="user:a",
            started_us=BEGAN_US,
            changed_us=BEGAN_US,
            spec=release.model_dump(mode="json"),
        )
        self.id = rollout.id
        with database.write() as connection:
            store.begin(connection, rollout, "pinned")

    def another(self, holder, **more):
        return Controller(
            database=self.database, holder=holder, now_us=self.now_us, **more
        )

    def now_us(self):
        return BEGAN_US + round(self.now_s * SECOND)

    @property
    def rollout(self):
        with self.database.read() as connection:
            return store.get(connection, self.id)

    @property
    def phase(self):
        return self.rollout.state.phase

    def changes(self):
        with self.database.read() as connection:
            return store.changes_of(connection, self.id)

    def say(self, *names, state="ready", weight=None, reason=""):
        """Let the replicas *names* say that they serve what they should."""
        weight = self.rollout.weight if weight is None else weight
        rows = [
            {
                "rollout": self.id,
                "replica": name,
                "serving": 1,
                "weight": weight,
                "state": state,
                "reason": reason,
                "seen_us": self.now_us(),
            }
            for name in names
        ]
        with self.database.write() as connection:
            upsert(connection, rollout_replicas, rows)

    def tally(self, *units, replica="a", at_us=0):
        """Write down *units* as *replica* saw them now."""
        row = {"rollout": self.id, "replica": replica, "at_us": at_us or self.now_us()}
        with self.database.write() as connection:
            connection.execute(
                rollout_tallies.insert(), [{**row, "body": packed(units)}]
            )

    def pass_s(self, seconds, *units, replica="a", look=True):
        """Let time pass, in which *units* were seen; then look."""
        self.now_s += seconds
        self.say(replica)
        if units:
            self.tally(*units, replica=replica)
        return self.controller.look_at(self.id) if look else None


def units(rollout, names, bad=lambda side, name: False, **more):
    """Return the units called *names*, on the sides that *rollout* puts them."""
    return [seen(rollout, name, bad, **more) for name in names]


def seen(rollout, name, bad=lambda side, name: False, **more):
    number = number_of(rollout.endpoint, str(name))
    side = "new" if takes(bucket_in(number), rollout.weight) else "old"
    is_bad = frozenset({"errors"}) if bad(side, name) else frozenset()
    return UnitSeen(
        unit=number,
        side=side,
        calls=1,
        bad=is_bad,
        weight=rollout.weight,
        **more,
    )
