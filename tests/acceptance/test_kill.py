"""Kill -9 under load: what was acknowledged is in the log, once."""

import random
import shutil
import signal
import threading
import time
from collections import Counter
from functools import partial

from tests import waiting

until = partial(waiting.until, seconds=40)


def ask_until_killed(line, key, acknowledged):
    while line.server is not None:
        try:
            status, call, _ = line.ask(key)
        except (OSError, ValueError):
            continue
        if status == 200:
            acknowledged.append(call)


def logged(line):
    found, before = [], []
    while True:
        page = line.json("calls", "list", "--limit", "500", *before)["calls"]
        if not page:
            return Counter(found)
        found += [call["call_id"] for call in page]
        before = ["--before", page[-1]["call_id"]]


def test_every_acknowledged_call_is_in_the_log_once(line):
    seed = random.randrange(10**6)
    acknowledged, wait = [], random.Random(seed)
    line.up()
    key = line.key("demo-app")
    for _ in range(3):
        if line.server is None:
            line.up()
        threads = [
            threading.Thread(target=ask_until_killed, args=(line, key, acknowledged))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(wait.uniform(0.4, 1.2))
        line.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()
    line.up()
    counts = logged(line)

    assert len(acknowledged) > 20, f"seed {seed}"
    assert {counts[call] for call in acknowledged} == {1}, f"seed {seed}"
    assert max(counts.values()) == 1
    assert "audit: verified" in line.run("audit", "verify", "--call", acknowledged[0])


def test_start_up_adopts_the_spool_of_a_dead_process(line):
    line.up()
    _, call, _ = line.ask(line.key("demo-app"))
    line.stop(signal.SIGKILL)
    dead = set((line.folder / ".roadbed" / "spool").glob("*.spool"))
    line.up()

    assert dead
    spools = line.folder / ".roadbed" / "spool"
    until(lambda: not dead & set(spools.glob("*.spool")))
    assert line.json("calls", "get", call)["record"]["call_id"] == call


def test_a_corrupt_spool_is_set_aside_with_an_alert(line):
    line.up()
    line.ask(line.key("demo-app"))
    line.stop(signal.SIGKILL)
    spool = next((line.folder / ".roadbed" / "spool").glob("*.spool"))
    for extra in spool.parent.glob(spool.name + "-*"):
        extra.unlink()
    spool.write_bytes(random.Random(5).randbytes(8192))
    empty = spool.with_name("empty-1-000001.spool")
    empty.touch()
    line.up()

    until((line.folder / ".roadbed" / "quarantine" / spool.name).exists)
    assert not spool.exists()
    assert "spool.quarantined" in line.run("doctor", code=1)
    assert line.ask(line.key("demo-app"))[0] == 200


def test_a_calm_stop_leaves_no_spool_behind(line):
    line.up()
    _, call, _ = line.ask(line.key("demo-app"))

    assert line.stop(signal.SIGTERM) == 0
    assert not list((line.folder / ".roadbed" / "spool").glob("*.spool"))
    shutil.rmtree(line.folder / ".roadbed" / "spool")
    assert "handbook@1" in line.run("why", call)
