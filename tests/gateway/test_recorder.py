"""The recorder commits in groups, and never loses a call in silence."""

import asyncio
import os
import sqlite3
import time

import pytest

from roadbed.core.errors import Invalid, NotReady
from roadbed.gateway.alerts import Alert
from roadbed.gateway.history import CallQuery
from roadbed.gateway.recorder import Recorder, process_name
from roadbed.testing.history_contract import a_call, a_record


def run(recorder, go):
    recorder.start()
    try:
        return asyncio.run(go())
    finally:
        recorder.close()


def until(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_durable_call_is_in_the_spool_when_its_future_is_done(yard):
    recorder = yard.recorder()

    async def go():
        await recorder.put(*a_call(1))
        return yard.log.search(CallQuery())

    assert run(recorder, go) == [a_call(1)[0]]


def test_many_calls_share_a_commit(yard):
    recorder = yard.recorder()

    async def go():
        await asyncio.gather(*(recorder.put(*a_call(n)) for n in range(500)))

    run(recorder, go)

    assert (recorder.counts.written, recorder.queued) == (500, 0)
    assert recorder.counts.commits < 50


def test_a_call_id_that_comes_twice_is_alerted(yard):
    recorder = yard.recorder()

    async def go():
        await recorder.put(*a_call(1))
        await recorder.put(*a_call(1))

    run(recorder, go)

    assert (recorder.counts.written, recorder.counts.repeated) == (1, 1)
    assert yard.alerts() == ["spool.repeated"]


def test_a_call_that_need_not_wait_is_written_soon(yard):
    recorder = yard.recorder()

    async def go():
        return recorder.put(*a_call(1), durable=False)

    assert run(recorder, go) is None
    assert len(yard.log.search(CallQuery())) == 1


def test_closing_seals_everything_and_leaves_nothing(yard):
    recorder = yard.recorder()

    async def go():
        for n in range(20):
            recorder.put(*a_call(n), durable=False)

    run(recorder, go)

    assert yard.left() == []
    assert sum(segment.rows for segment in yard.log.segments()) == 20


def test_a_spool_is_sealed_when_it_is_large(yard):
    recorder = yard.recorder(seal_bytes=1)

    async def go():
        for n in range(3):
            await recorder.put(*a_call(n))
        await asyncio.to_thread(until, lambda: len(yard.log.segments()) == 3)
        return len(yard.log.segments()), len(yard.log.search(CallQuery()))

    assert run(recorder, go) == (3, 3)


def test_a_spool_is_sealed_when_it_is_old(yard):
    recorder = yard.recorder(seal_seconds=0.05)

    async def go():
        await recorder.put(*a_call(1))
        return await asyncio.to_thread(until, lambda: len(yard.log.segments()) == 1)

    assert run(recorder, go)


def test_a_spool_is_sealed_when_somebody_asks(yard):
    recorder = yard.recorder()

    async def go():
        await recorder.put(*a_call(1))
        recorder.seal_soon()
        return await asyncio.to_thread(until, lambda: len(yard.log.segments()) == 1)

    assert run(recorder, go)


def test_starting_adopts_what_the_dead_left(yard):
    yard.spool(a_call(1), process="host-dead")
    (yard.spools / "bad-000001.spool").write_bytes(b"garbage" * 999)
    recorder = yard.recorder()

    async def go():
        return await asyncio.to_thread(until, lambda: bool(yard.alerts()))

    assert run(recorder, go)
    assert yard.alerts() == ["spool.quarantined"]
    assert yard.log.search(CallQuery()) == [a_call(1)[0]]


def test_a_full_queue_refuses_who_waits_and_sheds_who_does_not(yard):
    recorder = yard.recorder(queue_items=2)
    recorder.start()

    async def go():
        yard.spools.joinpath("x").touch()
        recorder._inbox.items = 2
        with pytest.raises(NotReady, match="no room"):
            await recorder.put(*a_call(1))
        recorder.put(*a_call(2), durable=False)
        recorder._inbox.items = 0

    asyncio.run(go())
    recorder.close()

    assert (recorder.counts.refused, recorder.counts.shed) == (1, 1)
    assert yard.alerts() == ["spool.shed"]


def test_a_record_that_no_log_can_keep_is_refused_at_once(yard):
    recorder = yard.recorder()

    async def go():
        with pytest.raises(Invalid):
            recorder.put(a_record(num={"x": float("nan")}), None)
        await recorder.put(*a_call(1))

    run(recorder, go)

    assert recorder.counts.written == 1


def test_after_closing_a_call_is_refused(yard):
    recorder = yard.recorder()
    run(recorder, lambda: asyncio.sleep(0))

    async def late():
        with pytest.raises(NotReady, match="is closed"):
            await recorder.put(*a_call(1))

    asyncio.run(late())

    assert recorder.counts.refused == 1


def test_a_spool_folder_that_cannot_be_used_is_a_clear_error(yard):
    recorder = yard.recorder()
    yard.spools.rmdir()
    yard.spools.write_text("a file where a folder belongs")

    with pytest.raises(NotReady, match="spool"):
        recorder.start()


def test_a_spool_that_is_taken_away_is_replaced(yard):
    """The file fails for good: the calls go into a new one, none twice."""
    recorder = yard.recorder()

    async def go():
        await recorder.put(*a_call(1))
        recorder._spool._connection.close()
        with pytest.raises(NotReady, match="could not be written"):
            await recorder.put(*a_call(2))
        await recorder.put(*a_call(3))

    run(recorder, go)

    assert len(yard.log.search(CallQuery())) == 3
    assert recorder.healthy is False  # it was closed
    assert recorder.counts.lost == 0


def test_what_cannot_be_sealed_is_alerted_and_tried_again(yard):
    recorder = yard.recorder(adopt_every_s=0.05)
    yard.root.write_text("a file where a folder belongs")

    async def go():
        await recorder.put(*a_call(1))
        recorder._rotate()
        await asyncio.to_thread(until, lambda: "spool.unsealed" in yard.alerts())
        raised = yard.alerts()
        yard.root.unlink()
        await asyncio.to_thread(until, lambda: not yard.alerts())
        return raised, len(yard.log.segments())

    assert run(recorder, go) == (["spool.unsealed"], 1)
    assert yard.alerts() == []


class Dying(Recorder):
    """A recorder with a mistake in it."""

    def _append(self, rows):
        return 1 // 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_leaves_nobody_waiting(yard):
    recorder = Dying(yard.recorder()._keeper)

    async def go():
        for _ in range(2):
            with pytest.raises(NotReady, match=r"stopped|closed"):
                await asyncio.wait_for(recorder.put(*a_call(1)), 30)

    run(recorder, go)

    assert "recorder.stopped" in yard.alerts()
    assert (recorder.healthy, yard.left()) == (False, [])


def test_an_alert_is_kept_until_the_database_takes_it(yard):
    keeper = yard.recorder()._keeper
    with sqlite3.connect(yard.state.parent / "control.db") as other:
        other.execute("ALTER TABLE alerts RENAME TO away")
    keeper.start()
    keeper.alert(Alert(code="x", message="it broke"))
    time.sleep(0.1)
    kept = keeper.pending()
    other.execute("ALTER TABLE away RENAME TO alerts")
    other.commit()
    other.close()
    keeper.close()

    assert [alert.code for alert in kept] == ["x"]
    assert (keeper.pending(), yard.alerts()) == ([], ["x"])


def test_every_process_has_a_name_of_its_own():
    one, other = process_name("web/1 ü"), process_name("web/1 ü")

    assert one != other
    assert one.startswith("web_1__-")
    assert os.sep not in one
