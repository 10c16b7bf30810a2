"""Refusals are written down before the refused are told, many in one transaction."""

import asyncio
import threading
import time
from concurrent.futures import Future

from roadbed.audit.entry import Entry
from roadbed.core.decision import Target
from roadbed.server.denials import BACKLOG, DenialWriter, patiently
from tests.server.house import Alarm, principal


class Book:
    """A log that writes slowly, and not at all while it is `broken`."""

    def __init__(self):
        self.batches, self.broken = [], False

    def record(self, *entries):
        time.sleep(0.02)
        if self.broken:
            raise OSError("the disk is full")
        self.batches.append(entries)
        return []


def entry(number):
    return Entry("nobody", "endpoint.infer", f"Endpoint/{number}", "denied", {})


def test_refusals_that_gather_are_written_in_one_transaction():
    book = Book()
    writer = DenialWriter(book, Alarm())
    writer.start()
    futures = [writer.put(entry(n)) for n in range(50)]
    for future in futures:
        future.result(5)
    writer.stop()

    assert sum(len(b) for b in book.batches) == 50
    assert len(book.batches) <= 3


def test_a_log_that_fails_keeps_nobody_waiting_and_loses_nothing():
    book, alarm = Book(), Alarm()
    book.broken = True
    writer = DenialWriter(book, alarm, retry_seconds=0.05)
    writer.start()
    writer.put(entry(1)).result(5)
    book.broken = False
    for _ in range(100):
        if alarm.cleared:
            break
        time.sleep(0.02)
    writer.stop()

    assert alarm.raised[0].code == "audit.denials"
    assert [e.resource for b in book.batches for e in b] == ["Endpoint/1"]
    assert alarm.cleared == ["audit.denials"]


def test_a_refused_page_is_written_down_before_it_is_told():
    book = Book()
    writer = DenialWriter(book, Alarm())
    writer.start()
    target = Target(kind="Call", name="c-1")
    writer.refused(principal("looker", "viewer"), "call.read-payload", target)

    assert book.batches[0][0].resource == "Call/c-1"
    assert book.batches[0][0].actor == "service-account:looker"
    writer.stop()


def test_stopping_writes_what_is_queued():
    book = Book()
    writer = DenialWriter(book, Alarm())
    writer.start()
    futures = [writer.put(entry(n)) for n in range(10)]
    writer.stop()

    assert all(f.done() for f in futures)
    assert sum(len(b) for b in book.batches) == 10


def test_a_flood_that_cannot_be_written_is_bounded_and_said():
    book, alarm = Book(), Alarm()
    writer = DenialWriter(book, alarm)
    for n in range(BACKLOG):
        writer.put(entry(n))
    late = writer.put(entry("late"))

    assert late.done()
    assert "lost" in alarm.raised[0].message


def test_a_log_that_hangs_delays_an_answer_and_does_not_keep_it_back():
    async def wait():
        begun = time.monotonic()
        await patiently(Future(), seconds=0.1)
        return time.monotonic() - begun

    assert 0.05 < asyncio.run(wait()) < 2


def test_callers_from_many_threads_all_return():
    book = Book()
    writer = DenialWriter(book, Alarm())
    writer.start()
    done = []

    def refuse(n):
        writer.put(entry(n)).result(5)
        done.append(n)

    threads = [threading.Thread(target=refuse, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.stop()

    assert sorted(done) == list(range(20))
