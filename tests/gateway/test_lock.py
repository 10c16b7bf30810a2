"""The lock tells the living from the dead."""

import subprocess
import sys
import threading

from roadbed.gateway.lock import ProcessLock

HOLD = (
    "import sys, pathlib\n"
    "from roadbed.gateway.lock import ProcessLock\n"
    "lock = ProcessLock.hold(pathlib.Path(sys.argv[1]))\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


def test_a_killed_process_lets_go(tmp_path):
    path = tmp_path / "p.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    while_alive = ProcessLock.take(path)
    holder.kill()
    holder.communicate()
    when_dead = ProcessLock.take(path)

    assert while_alive is None
    assert when_dead is not None


def test_only_one_can_take_it(tmp_path):
    first = ProcessLock.take(tmp_path / "p.lock")

    assert ProcessLock.take(tmp_path / "p.lock") is None
    first.release(remove=False)
    assert ProcessLock.take(tmp_path / "p.lock") is not None


def test_a_lock_that_was_removed_is_made_again(tmp_path):
    path = tmp_path / "p.lock"
    first, held = ProcessLock.take(path), []
    waiter = threading.Thread(target=lambda: held.append(ProcessLock.hold(path)))
    waiter.start()
    first.release(remove=True)
    waiter.join()

    assert held and path.exists()
    assert ProcessLock.take(path) is None
