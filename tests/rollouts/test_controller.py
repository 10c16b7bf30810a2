"""What replicas saw moves a rollout, once, whoever looks; all of it is on record."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from roadbed.audit.outbox import logged
from roadbed.control.rollouts import steer
from roadbed.core.errors import Conflict, Corrupt
from roadbed.database.engine import open_database
from roadbed.gateway.release import CanaryStep, Mirror, Release, Watched
from roadbed.rollouts import store
from roadbed.rollouts.decide import AS_WELL, MISMATCH
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.evidence import Both
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.rollout import CONTROLLER
from roadbed.rollouts.tables import (
    rollout_lone,
    rollout_replicas,
    rollout_tallies,
    rollout_units,
)
from roadbed.rollouts.tally import UnitSeen

from .line import RELEASE, Line, units


def left(database):
    with database.read() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(t)).scalar()
            for t in (rollout_tallies, rollout_units, rollout_lone, rollout_replicas)
        ]


def canary(database, **more):
    line = Line(database, **more)
    line.pass_s(3)
    assert line.phase == "canary"
    return line


def test_a_good_version_is_promoted_by_itself_and_all_of_it_is_on_record(database):
    line, at = Line(database), 0
    for _ in range(40):
        at += 60
        line.pass_s(3, *units(line.rollout, range(at, at + 60)))
        if line.phase == "promoted":
            break

    changes = line.changes()
    assert [c.phase for c in changes] == [
        *("approved", "canary", "canary", "soaking", "promoted")
    ]
    assert {c.actor for c in changes[1:]} == {CONTROLLER}
    known = changes[2].evidence
    assert known["guardrails"]["errors"]["verdict"] == "fine"
    assert known["units"]["old"] > known["units"]["new"] > 0
    assert known["ratio"]["verdict"] == "as meant"
    with database.read() as connection:
        told = logged(connection, lambda c: [c.actor == CONTROLLER])
    assert [t.detail["evidence_digest"] for t in told] == [
        c.evidence_digest for c in changes[1:]
    ]
    assert left(database) == [0, 0, 0, 0]


def test_a_bad_version_is_rolled_back_by_itself(database):
    line, at = canary(database), 0
    while line.phase == "canary" and at < 3_000:
        at += 60
        names = range(at, at + 60)
        bad = units(line.rollout, names, lambda side, n: side == "new" and n % 2)
        line.pass_s(3, *bad)

    assert line.phase == "rolling_back"
    line.say("a", weight=2_000)
    assert line.controller.look_at(line.id).state.phase == "rolling_back"
    line.pass_s(1)
    assert line.phase == "rolled_back"
    assert line.changes()[-2].evidence["guardrails"]["errors"]["verdict"] == "worse"
    assert line.changes()[-2].reason == "errors got worse"


def test_what_was_seen_is_taken_in_once_whoever_looks(database):
    """Several controllers at once, each with calls of its own coming in."""
    line = canary(database, phase="approved")
    others = [line.another(f"c{n}") for n in range(3)]
    name, failed = iter(range(10_000)), []

    def look(controller):
        try:
            controller.look_at(line.id)
        except Conflict:
            failed.append(1)

    with ThreadPoolExecutor(4) as pool:
        for turn in range(8):
            some = units(line.rollout, [next(name) for _ in range(5)])
            line.tally(*some, at_us=line.now_us() + turn)
            list(pool.map(look, others))
    line.controller.look_at(line.id)

    ledger = line.rollout.state.ledgers["errors"]
    assert ledger.old.of + ledger.new.of == 40
    assert left(database)[0] == 0


def test_one_looks_at_a_time_and_another_goes_on_when_it_is_gone(database):
    line = Line(database)
    one, other = line.another("one"), line.another("two")

    assert one.look()
    assert not other.look()
    assert one.look()
    line.now_s = 14
    assert not other.look()
    line.now_s = 16
    assert other.look()
    assert not one.look()
    other.leave()
    line.now_s = 16.001
    assert one.look()


def _look_and_die(url, rollout_id, now_s):
    line = object.__new__(Line)
    line.database, line.now_s, line.id = open_database(url), now_s, rollout_id
    controller = line.another("doomed")
    assert controller.look()
    with line.database.write() as connection:
        connection.execute(rollout_tallies.delete())
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_one_had_not_finished_is_done_by_another(
    sqlite_database, tmp_path
):
    line = canary(sqlite_database)
    line.tally(*units(line.rollout, range(50)))
    url = f"sqlite:///{tmp_path / 'control.db'}"
    process = multiprocessing.get_context("spawn").Process(
        target=_look_and_die, args=(url, line.id, line.now_s)
    )
    line.tally(*units(line.rollout, range(50, 80)), at_us=line.now_us() + 1)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    seen = line.rollout.state.ledgers["errors"]
    assert seen.old.of + seen.new.of == 80  # What it had finished is kept.
    line.tally(*units(line.rollout, range(80, 100)), at_us=line.now_us() + 2)
    assert not line.controller.look()

    line.now_s += 16
    line.say("a")
    assert line.controller.look()
    seen = line.rollout.state.ledgers["errors"]
    assert seen.old.of + seen.new.of == 100


def test_traffic_waits_for_every_replica_that_speaks(sqlite_database):
    line = Line(sqlite_database)
    line.now_s = 1
    line.say("a")
    assert line.controller.look_at(line.id).state.phase == "approved"  # Too soon.
    line.now_s = 3
    line.say("a")
    line.say("b", state="absent", weight=0)
    assert line.controller.look_at(line.id).state.phase == "approved"
    line.now_s = 9
    line.say("a")  # `b` is gone.
    assert line.controller.look_at(line.id).state.phase == "canary"


def test_a_version_that_cannot_be_loaded_is_rolled_back(sqlite_database):
    line = Line(sqlite_database)
    line.now_s = 3
    line.say("a")
    line.say("b", state="failed", weight=0, reason="no memory")

    after = line.controller.look_at(line.id).state
    assert (after.phase, after.reason) == (
        "rolling_back",
        "it could not be loaded by b: no memory",
    )


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [("schema", "broke the form"), ("blocked", "blocked for safety")],
)
def test_what_must_never_happen_ends_it_unless_the_old_version_does_so_too(
    sqlite_database, flaw, reason
):
    line = canary(sqlite_database)

    some = units(line.rollout, range(200))
    *bad, _ = [u for u in some if u.side == "new"]

    for n, unit in enumerate(bad[:3]):
        assert line.phase == "canary"  # Twice may be chance.
        flawed = replace(unit, flaws=frozenset({flaw}))
        line.pass_s(3, *some[n::3], flawed)
    assert line.phase == "rolling_back"
    assert reason in line.rollout.state.reason


def test_what_the_old_version_does_as_often_is_no_reason_to_go_back(sqlite_database):
    line = canary(sqlite_database)

    some = units(line.rollout, range(200))

    for n in range(4):
        flawed = [replace(u, flaws=frozenset({"schema"})) for u in some[n::8]]
        line.pass_s(3, *some, *flawed)
    assert line.phase == "canary"


def test_a_version_that_costs_too_much_is_rolled_back_without_any_guardrail(
    sqlite_database,
):
    line = canary(sqlite_database)
    some = [
        UnitSeen(unit=n, side="new" if n < 3 else "old", calls=2, cost_nano=cost)
        for n, cost in enumerate([4_000, 4_000, 4_000, *[200] * 6])
    ]
    line.pass_s(3, *some)
    assert line.phase == "canary"  # Of three units nothing is known.
    line.pass_s(3, *some)
    assert line.rollout.state.reason == "a call costs 20.0 times what it did"


@pytest.mark.parametrize("old_too", [False, True])
def test_one_caller_is_enough_to_find_a_version_that_only_fails(
    sqlite_database, old_too
):
    """The only caller is in the newer arm, or there is one who always fails in each."""
    line = canary(sqlite_database)
    some = units(line.rollout, range(100), lambda side, n: True)
    newer = next(u for u in some if u.side == "new")
    older = next(u for u in some if u.side == "old")
    for _ in range(12):
        line.pass_s(3, newer, *([older] if old_too else []))

    went_back = line.phase in ("rolling_back", "rolled_back")
    assert went_back != old_too
    if went_back:
        assert line.rollout.state.reason == "it does nothing but fail"


def test_arms_of_the_wrong_size_pause_it(sqlite_database):
    line, at = canary(sqlite_database), 0
    while line.phase == "canary" and at < 2_000:
        at += 60
        some = units(line.rollout, range(at, at + 60))
        line.pass_s(3, *(u for u in some if u.side == "old" or u.unit % 3 == 0))

    assert (line.phase, line.rollout.state.reason) == ("paused", MISMATCH)


def test_who_was_assigned_under_the_weight_of_before_is_no_mismatch(sqlite_database):
    line, at = canary(sqlite_database), 0
    before = line.rollout
    while line.rollout.state.step == 0:
        at += 60
        line.pass_s(3, *units(line.rollout, range(at, at + 60)))
    line.pass_s(1, *units(before, range(10_000, 12_000)), replica="not-swapped-yet")
    now = units(line.rollout, range(12_000, 12_400))
    line.pass_s(3, *now, *units(before, range(14_000, 16_000)))  # Calls that lasted.

    assert line.rollout.state.ratio.log_value < 2
    line.pass_s(1, *units(line.rollout, range(16_000, 16_400)))
    assert line.rollout.state.ratio.log_value < 4
    assert line.phase == "canary"


def test_a_unit_counts_once_in_each_step(sqlite_database):
    line, names = canary(sqlite_database), range(300)
    line.pass_s(1, *units(line.rollout, names))
    once = line.rollout.state.seen
    line.pass_s(1, *units(line.rollout, names))
    assert line.rollout.state.seen == once > 20
    while line.rollout.state.step == 0:
        line.pass_s(3, *units(line.rollout, names))
    line.pass_s(1, *units(line.rollout, names))

    again = line.rollout.state
    assert (again.step, again.seen > once) == (1, True)
    assert again.ratio.log_value < 4


def test_no_data_passes_nothing(sqlite_database):
    line = canary(sqlite_database)
    line.pass_s(599)
    assert line.phase == "canary"
    line.pass_s(2)

    assert (line.phase, line.rollout.state.reason) == ("inconclusive", "no data")


def test_a_look_that_shows_nothing_writes_nothing(sqlite_database):
    line = canary(sqlite_database)
    before = line.rollout
    line.pass_s(3)
    assert line.rollout == before


def test_what_cannot_be_read_harms_no_other_rollout(sqlite_database):
    line = canary(sqlite_database)
    with line.database.write() as connection:
        row = {"rollout": line.id, "replica": "x", "at_us": 1, "body": b"?"}
        connection.execute(rollout_tallies.insert(), [row])

    with pytest.raises(Corrupt):
        line.controller.look()


def test_what_was_said_of_answers_counts_once(sqlite_database):
    spans = []

    def said(_connection, _rollout, since_us, until_us):
        spans.append((since_us, until_us))
        both = Both(old=Counts(0, 10), new=Counts(9, 10))
        return {"judged-bad": both, "disliked": both}

    release = RELEASE.model_copy(
        update={"guardrails": [Watched(metric="judged-bad", margin=0.2)]}
    )
    line = Line(sqlite_database, release)
    line.controller = line.another("one", sources=[said])
    line.pass_s(3)
    line.pass_s(3)
    line.pass_s(0)

    assert [b - a for a, b in spans] == [1_000_000, 3_000_000]
    assert spans[0][1] == spans[1][0]
    state = line.rollout.state
    assert (state.phase, state.reason) == ("rolled_back", "judged-bad got worse")
    assert "disliked" not in state.ledgers


class Before:
    """What the older version did: nothing bad in a thousand units."""

    def __init__(self):
        self.asked = []

    def looks(self, start=0, count=None):
        self.asked.append((start, count))
        return {"errors": Counts(0, min(count, 1_000 - start)), "cost": Numbers()}


def test_all_at_once_is_held_against_what_was_before(sqlite_database):
    release = Release(strategy="blue-green", guardrails=[Watched(metric="errors")])
    line, before, at = Line(sqlite_database, release), Before(), 0
    line.controller = line.another("one", past=lambda _r, _now: before)
    line.pass_s(3)
    while line.phase == "canary" and at < 900:
        at += 60
        some = units(line.rollout, range(at, at + 60), lambda side, n: n % 20 == 0)
        line.pass_s(3, *some)

    assert line.rollout.state.reason == "errors got worse"
    assert ((0, 60) in before.asked) and ((60, 60) in before.asked)


def test_a_shadow_is_never_more_than_one(sqlite_database):
    release = Release(
        strategy="shadow",
        shadow=Mirror(hold_s=5, units=40),
        guardrails=[Watched(metric="errors", margin=0.3)],
    )
    line = Line(sqlite_database, release)
    line.pass_s(3)
    assert line.phase == "shadow"
    pairs = [
        UnitSeen(unit=n, side=side, calls=1)
        for n in range(80)
        for side in ("old", "new")
    ]
    line.pass_s(3, *pairs)
    assert line.phase == "shadow"
    line.pass_s(3, *pairs)

    assert (line.phase, line.rollout.state.reason) == ("paused", AS_WELL)
    assert line.rollout.weight == 0
    with line.database.write() as connection:
        done = steer(connection, line.rollout, "promote", "ok", "user:b", line.now_us())
    assert done.state.phase == "promoted"


def test_a_shadow_that_nobody_sees_is_inconclusive(sqlite_database):
    release = Release(strategy="shadow", steps=[CanaryStep(percent=100, deadline_s=60)])
    line = Line(sqlite_database, release)
    line.pass_s(3)
    line.pass_s(661)

    assert (line.phase, line.rollout.state.reason) == ("inconclusive", "no data")


def test_what_replicas_say_late_of_what_is_over_is_deleted(sqlite_database):
    line = canary(sqlite_database)
    with line.database.write() as connection:
        steer(connection, line.rollout, "promote", "ok", "user:b", line.now_us())
    line.tally(*units(line.rollout, range(5)))
    line.say("a")

    assert line.controller.look()
    assert left(line.database) == [0, 0, 0, 0]
    with line.database.read() as connection:
        assert store.all_active(connection) == []
