"""What replicas saw adds up to the same units, however their calls were split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.errors import Corrupt
from roadbed.inference.call import Arm, Call
from roadbed.inference.chat import CountRequest
from roadbed.inference.snapshot import Snapshot
from roadbed.rollouts import store
from roadbed.rollouts.flush import Flush
from roadbed.rollouts.tables import rollout_tallies
from roadbed.rollouts.tally import UnitSeen, merged, packed
from roadbed.rollouts.tallying import Tallies, judged
from roadbed.testing.history_contract import a_record
from tests.rollouts.releases import a_rollout
from tests.server.arms import both, one
from tests.server.house import Echo

SAMPLE = st.builds(
    UnitSeen,
    unit=st.integers(0, 5) | st.integers(0, 2**63 - 1),
    side=st.sampled_from(["old", "new"]),
    calls=st.integers(0, 3),
    bad=st.frozensets(st.sampled_from(["errors", "timeouts", "slow", "refusals"])),
    cost_nano=st.integers(0, 2**40),
    output_tokens=st.integers(0, 10_000),
    flaws=st.frozensets(st.sampled_from(["schema", "blocked"])),
)


@given(st.lists(st.tuples(SAMPLE, st.integers(0, 3), st.integers(0, 3))), st.randoms())
def test_units_are_the_same_however_they_were_split(parts, chance):
    """Over replicas, over seconds, and in whatever order they are looked at."""
    split = {}
    for seen, replica, second in parts:
        split.setdefault((replica, second), []).append(seen)
    bodies = [packed(units) for units in split.values()]
    chance.shuffle(bodies)

    together = merged(bodies)

    assert together == merged([packed(seen for seen, _, _ in parts)])
    assert together == merged([packed(together)])
    assert sum(unit.calls for unit in together) == sum(s.calls for s, _, _ in parts)
    assert len({unit.place for unit in together}) == len(together)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91\x93\x01\x02\x03", b"[]"])
def test_what_is_no_tally_is_corrupt(body):
    with pytest.raises(Corrupt, match="cannot be read"):
        merged([body])


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=300, unique=True))
def test_what_is_too_much_is_thinned_out_by_unit_and_not_by_arm(units):
    few = Tallies(most=20)
    for number in units * 2:
        few.give_back("ro-1", [UnitSeen(unit=number, side="old", calls=1)])
        few.give_back("ro-1", [UnitSeen(unit=number, side="new", calls=1)])

    kept = merged(few.take().values())

    sides = {side: {u.unit for u in kept if u.side == side} for side in ("old", "new")}
    assert len(kept) <= 20
    assert len(sides["old"] ^ sides["new"]) <= 1
    assert all(u.calls <= 2 for u in kept)
    if len(units) <= 10:
        assert sides["old"] == set(units)


def ok(**fields):
    known = {"model": "bot@2", "attempts": 1, "prediction": {}}
    return a_record(**(known | fields))


GOOD = frozenset[str]()


@pytest.mark.parametrize(
    ("record", "bad"),
    [
        (ok(), GOOD),
        (ok(latency_us=800_000), GOOD),
        (ok(latency_us=800_001), {"slow"}),
        (ok(status="error", error="provider_unavailable"), {"errors"}),
        (ok(status="error", error="rate_limited", attempts=0), {"errors"}),
        (ok(status="error", error="provider_refused"), {"errors"}),
        (ok(status="error", error="internal", attempts=0), {"errors"}),
        (ok(status="error", error="provider_timeout"), {"errors", "timeouts"}),
        (ok(status="truncated", error="provider_truncated"), {"errors"}),
        (ok(status="error", error="invalid", attempts=1), {"errors"}),
        (ok(model="bot@1"), {"errors"}),
        (
            ok(model="small@1", chain='[{"status":"provider_timeout"}]'),
            {"errors", "timeouts"},
        ),
        (ok(degraded="message"), {"errors"}),
        (ok(cache="stale"), {"errors"}),
        (ok(finish="content_filter"), {"refusals"}),
        (ok(finish="refusal"), {"refusals"}),
    ],
)
def test_a_call_is_bad_for_what_its_version_did(record, bad):
    told = judged(record, "bot@2", slow_ms=800)

    assert (told.counts, told.bad) == (True, bad)
    assert told.flaws == ({"blocked"} if record.finish == "content_filter" else GOOD)


@pytest.mark.parametrize(
    "record",
    [
        ok(status="cancelled"),
        ok(status="denied", error="permission_denied"),
        ok(status="error", error="invalid", attempts=0),
        ok(status="error", error="budget_exhausted"),
        ok(status="error", error="limit_exceeded"),
        ok(status="error", error="overloaded"),
        ok(status="error", error="too_large"),
        ok(status="error", error="idempotency_key_reused"),
        ok(cache="hit"),
        ok(cache="replay"),
    ],
)
def test_a_call_tells_nothing_that_the_version_had_no_part_in(record):
    assert judged(record, "bot@2", slow_ms=1) == (False, GOOD, GOOD)


def test_who_is_shut_out_by_a_version_is_an_error():
    record = ok(status="denied", error="permission_denied", attempts=0)

    told = judged(record, "bot@2", 0, frozenset({"shut-out"}))

    assert (told.counts, told.bad) == (True, {"errors"})


def a_call(arm, deployed=None, request=None):
    shown = Snapshot(
        revision=1,
        digest="",
        authority=None,
        credentials={},
        deployments={"bot": deployed or both(weight=5_000, slow_ms=5)},
    )
    return Call(
        id="c",
        received_us=0,
        started_ns=0,
        dialect="openai",
        endpoint="bot",
        request=request,
        snapshot=shown,
        arm=arm,
    )


def arm(side="new", unit=7, **more):
    return Arm(rollout="ro-1", side=side, unit=unit, weight=500, **more)


def test_a_watch_counts_units_under_their_versions():
    tallies = Tallies()
    tallies.watch(a_call(arm()), ok(cost_nano=5, output_tokens=3))
    tallies.watch(a_call(arm()), ok(status="error", error="internal", cost_nano=2))
    tallies.watch(a_call(arm(flaws=frozenset({"schema", "refused"}))), ok())
    tallies.watch(a_call(arm("old", unit=8)), ok(model="bot@1"))
    tallies.watch(a_call(arm("old", unit=9)), ok(status="cancelled", model="bot@1"))
    tallies.watch(a_call(arm(unit=10, alone=True)), ok())

    body = tallies.take()["ro-1"]

    assert merged([body]) == [
        UnitSeen(
            unit=7,
            side="new",
            calls=3,
            bad=frozenset({"errors", "refusals"}),
            cost_nano=7,
            output_tokens=3,
            flaws=frozenset({"schema"}),
            weight=500,
        ),
        UnitSeen(unit=8, side="old", calls=1, weight=500),
        UnitSeen(unit=9, side="old", calls=0, weight=500),
        UnitSeen(unit=10, side="new", calls=1, weight=500, alone=True),
    ]
    assert tallies.take() == {}


@pytest.mark.parametrize(
    "call",
    [
        a_call(None),
        a_call(arm(placed=True)),
        a_call(arm(mirrored=True)),
        a_call(arm(), both(weight=0, mirrored=100)),
        a_call(arm(), one(Echo(), 1)),
        a_call(arm(), request=CountRequest(fields={}, read=None)),
    ],
    ids=["of-no-rollout", "placed", "mirrored", "in-the-shadow", "over", "tokens"],
)
def test_what_proves_nothing_is_not_counted(call):
    tallies = Tallies()

    tallies.watch(call, ok())

    assert tallies.take() == {}


def test_a_pair_counts_on_both_sides():
    tallies = Tallies()
    tallies.watch(a_call(arm(), both(weight=0, mirrored=100, slow_ms=800)), ok())
    late = ok(latency_us=900_000, finish="refusal")

    tallies.paired("ro-1", 7, ok(model="bot@1"), late)
    tallies.paired("ro-1", 8, ok(model="small@1"), ok())

    seen = {unit.place: unit.bad for unit in merged(tallies.take().values())}
    assert seen == {
        (7, "old"): GOOD,
        (7, "new"): {"slow", "refusals"},
        (8, "old"): {"errors"},
        (8, "new"): GOOD,
    }


def test_predictions_add_up_and_flaws_of_pairs_are_told():
    tallies, flaws = Tallies(), (GOOD, frozenset({"schema"}))
    for price in (1.0, 2.0):
        predicted = ok(model="bot@1", prediction={"price": price})
        tallies.paired("ro-1", 7, predicted, ok(status="error"), flaws)

    old, new = sorted(merged(tallies.take().values()), key=lambda u: u.side != "old")
    assert (old.predicted, old.predictions, old.flaws) == (3.0, 2, GOOD)
    assert (new.predicted, new.predictions, new.flaws) == (0.0, 0, {"schema"})


def rows(database):
    with database.read() as connection:
        return list(connection.execute(rollout_tallies.select()))


def test_what_was_counted_is_written_once(database):
    with database.write() as connection:
        store.begin(connection, a_rollout(), "so it is")
    tallies, ticks = Tallies(), iter(range(5, 50))
    flush = Flush(database, tallies, "replica-1", lambda: next(ticks))

    assert flush() == 0
    tallies.watch(a_call(arm()), ok())
    assert (flush(), flush()) == (1, 0)

    (row,) = rows(database)
    assert (row.rollout, row.replica, row.at_us) == ("ro-1", "replica-1", 5)
    assert merged([row.body]) == [UnitSeen(unit=7, side="new", calls=1, weight=500)]


def test_what_cannot_be_written_is_written_later(database):
    tallies, ticks = Tallies(), iter(range(5, 50))
    flush = Flush(database, tallies, "replica-1", lambda: next(ticks))
    tallies.watch(a_call(arm()), ok())
    with pytest.raises(SQLAlchemyError):
        flush()  # There is no such rollout.
    with database.write() as connection:
        store.begin(connection, a_rollout(), "so it is")
    tallies.watch(a_call(arm()), ok())

    assert flush() == 1

    assert merged(row.body for row in rows(database))[0].calls == 2
