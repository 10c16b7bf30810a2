"""A disk that is full, or that refuses: nobody is told a lie, and nothing is lost."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.core.clock import SystemClock
from roadbed.core.errors import NotReady
from roadbed.core.ids import Uuid7
from roadbed.gateway.adopt import Adopter
from roadbed.gateway.alerts import list_alerts
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.recorder import Recorder
from roadbed.gateway.seal import Sealer

from .worker import new_call

HISTORY = DuckDBHistory()
LARGE = {"cat": {"text": "x" * 20_000}}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount; the test of the file limit runs everywhere")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def ids_of(log):
    return {record.call_id for record in log.search(CallQuery(limit=10_000))}


async def until_refused(recorder, ids):
    """Record calls until one is refused; return the ids of those that were not."""
    acknowledged = []
    for number in range(10_000):
        call = new_call(number, ids, **LARGE)
        try:
            await recorder.put(*call)
        except NotReady as error:
            return acknowledged, call[0].call_id, error
        acknowledged.append(call[0].call_id)
    raise AssertionError("the disk never filled up")


def test_a_full_disk_refuses_and_recovers(small_disk, tmp_path, sqlite_database):
    ballast, ids = small_disk / "ballast", Uuid7()
    ballast.write_bytes(bytes(1_500_000))
    sealer = Sealer(sqlite_database, HISTORY, tmp_path / "history", SystemClock())
    recorder = Recorder(Keeper(small_disk, sealer, "host-1"))
    log = CallLog(small_disk / "spool", sqlite_database, HISTORY, sealer.root)
    recorder.start()

    async def go():
        acknowledged, refused, error = await until_refused(recorder, ids)
        healthy, while_full = recorder.healthy, ids_of(log)
        ballast.unlink()
        for _ in range(300):
            if recorder.queued == 0:
                break
            await asyncio.sleep(0.1)
        await recorder.put(*new_call(0, ids))
        return set(acknowledged), refused, error, healthy, while_full

    acknowledged, refused, error, healthy, while_full = asyncio.run(go())
    recorder.close()
    with sqlite_database.read() as connection:
        alerts = list_alerts(connection, cleared=True)

    assert "full" in error.message and error.hint
    assert acknowledged and while_full == acknowledged
    assert not healthy
    assert acknowledged | {refused} < ids_of(log)
    assert (recorder.counts.lost, recorder.counts.failures > 0) == (0, True)
    assert [(a.code, a.cleared_us is None) for a in alerts] == [
        ("spool.unwritable", False)
    ]


LIMITED = (
    "import asyncio, resource, sys\n"
    "from pathlib import Path\n"
    "from roadbed.core.ids import Uuid7\n"
    "from tests.durability.test_full_disk import until_refused\n"
    "from tests.durability.worker import open_recorder\n"
    "recorder, ids = open_recorder(Path(sys.argv[1])), Uuid7()\n"
    "recorder.start()\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
    "async def go():\n"
    "    for _ in range(3):\n"
    "        acknowledged, refused, error = await until_refused(recorder, ids)\n"
    "        print(*acknowledged, sep='\\n')\n"
    "    print(error.message, recorder.counts, file=sys.stderr, flush=True)\n"
    "asyncio.run(go())\n"
    "sys.stdout.flush()\n"
    "import os; os._exit(0)\n"
)


def test_a_file_that_may_not_grow_is_left_and_replaced(tmp_path, sqlite_database):
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged, raised = child.stdout.split(), []
    sealer = Sealer(sqlite_database, HISTORY, tmp_path / "history", SystemClock())
    spools = Path(tmp_path / "spool")
    log = CallLog(spools, sqlite_database, HISTORY, sealer.root)
    before = ids_of(log)
    done = Adopter(spools, tmp_path / "quarantine", sealer, raised.append).adopt()
    rows = sum(segment.rows for segment in log.segments())

    assert "could not be written" in child.stderr
    assert len(acknowledged) > 20
    assert set(acknowledged) <= before == ids_of(log)
    assert (rows, raised, done.sealed > 0) == (len(before), [], True)
