"""What is free goes back to the system."""

import subprocess
import sys
from pathlib import Path

import pytest

GROW = """
import sys
from threading import Thread
from pathlib import Path
from roadbed.core.heap import give_back, share_heap

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def fill():
    kept = [bytes(60_000) for _ in range(1_000)]
    held.append(kept[-1])  # the last one stays, at the top of what was taken
    del kept

held = []
share_heap()
before = resident()
for _ in range(3):
    thread = Thread(target=fill)
    thread.start()
    thread.join()
give_back()
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_threads_that_are_done_leave_nothing():
    """Of 60 MB that each of them took; the library is glibc, or does so anyway."""
    run = subprocess.run(
        [sys.executable, "-c", GROW], check=True, capture_output=True, text=True
    )

    assert int(run.stdout) < 10_000_000
