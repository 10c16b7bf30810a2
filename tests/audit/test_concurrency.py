"""Many writers, and writers that die: the log stays whole and without a gap."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from roadbed.adapters.copies.folder import FolderCopies
from roadbed.audit import bundle, tables
from roadbed.audit.deliver import deliver
from roadbed.audit.log import AuditLog, AuditQuery, append, hold
from roadbed.audit.note import read_verifier
from roadbed.audit.sequencer import sequence
from roadbed.audit.signer import Signer
from roadbed.audit.verify import verify_database
from roadbed.database.engine import open_database
from roadbed.database.tables import bump, current

from .conftest import Ticking, change, check, fill

WRITER = """
import sys
import roadbed.audit.tables
from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.database.engine import open_database
from roadbed.database.tables import bump

database = open_database(sys.argv[1])
for number in range(int(sys.argv[2])):
    with database.write() as connection:
        append(connection, number, Entry(sys.argv[3], "change", "Thing"))
        bump(connection, "things")
    print(number, flush=True)
"""


def start(database, count, name):
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WRITER, url, str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def numbers(database):
    sequence(database)
    with database.read() as connection:
        query = sa.select(tables.entries.c.seq).order_by(tables.entries.c.seq)
        return list(connection.execute(query).scalars())


def things(database):
    with database.read() as connection:
        return current(connection, "things")


def test_threads_that_append_together_leave_no_gap(log, database, signer, copies):
    def work(worker):
        for number in range(10):
            with database.write() as connection:
                append(connection, number, change(worker), change(number))
            log.checkpoint()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert numbers(database) == list(range(1, 121))
    assert check(database, copies, signer).verified


def test_processes_that_append_together_leave_no_gap(database, signer, log, copies):
    writers = [start(database, 25, f"service-account:w{n}") for n in range(4)]
    codes = [writer.wait(60) for writer in writers]
    log.checkpoint()

    assert codes == [0, 0, 0, 0]
    assert numbers(database) == list(range(1, 101))
    assert things(database) == 100
    assert check(database, copies, signer).verified


@pytest.mark.parametrize("source", ["copy", "place"])
def test_a_log_that_grows_while_it_is_verified_is_verified(
    log, signer, copies, source, monkeypatch
):
    database, place = log._database, FolderCopies(copies.with_name("place"))
    read = {"copy": bundle.read_copy, "place": place.notes}
    reads = []

    def grown(*args):
        log.record(change(100 + len(reads)))
        reads.append(log.checkpoint())
        deliver(database, [place], read_verifier(signer.public_key))
        return read[source](*args)

    fill(log, entries=4, every=2)
    if source == "copy":
        monkeypatch.setattr(bundle, "read_copy", grown)
    else:
        place.notes = grown
    report = verify_database(database, copies, signer.public_key, places=[place])

    assert reads
    assert report.findings == ()
    assert report.size >= 5


@pytest.mark.parametrize("lines", [1, 4, 9])
def test_a_killed_writer_leaves_the_change_with_its_entry_or_neither(
    database, lines, signer, log, copies
):
    writer = start(database, 100_000, "service-account:doomed")
    for _ in range(lines):
        assert writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    with database.write() as connection:
        append(connection, 1, change(1))
        bump(connection, "things")
    log.checkpoint()

    assert len(numbers(database)) == things(database) > lines
    assert numbers(database) == list(range(1, things(database) + 1))
    assert check(database, copies, signer).verified


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_nobody_waits_for_another_to_append(postgres_url, database, log):
    second = open_database(postgres_url)
    with ThreadPoolExecutor(1) as pool, database.write() as connection:
        append(connection, 1, change(1))
        pool.submit(_append_one, second).result(30)
        early = [entry.resource for entry in log.search(AuditQuery())]
    late = [(entry.seq, entry.resource) for entry in log.search(AuditQuery())]
    second.close()

    assert early == ["Endpoint/e2"]
    assert late == [(2, "Endpoint/e1"), (1, "Endpoint/e2")]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_whoever_holds_lets_nobody_else_hold_but_others_append(postgres_url, database):
    second = open_database(postgres_url)
    with ThreadPoolExecutor(2) as pool, database.write() as connection:
        hold(connection)
        waiting = pool.submit(_hold_once, second)
        pool.submit(_append_one, second).result(30)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        connection.commit()
        assert waiting.result(10)
    second.close()


def _append_one(database):
    with database.write() as connection:
        append(connection, 1, change(2))


def _hold_once(database):
    with database.write() as connection:
        hold(connection)
    return True


def test_a_signer_that_starts_anew_continues_where_it_stopped(
    database, tmp_path, copies
):
    for number in range(3):
        signer = Signer.load_or_create(tmp_path / "audit.key")
        log = AuditLog(database, signer, Ticking(), copies)
        log.record(change(number))
        log.checkpoint()

    report = check(database, copies, signer)
    assert report.verified
    assert report.checkpoints == 3
