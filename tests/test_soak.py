"""The program that measures memory does what it says, on a few calls."""

import re
import subprocess
import sys


def test_a_short_soak_ends_with_a_slope():
    """Pain 1: calls of every kind go through; over 50,000 it is `make soak`."""
    run = subprocess.run(
        [sys.executable, "bench/memory.py", "100"],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    assert re.search(r"slope +-?\d+\.\d KB per 1,000 calls", run.stdout)
    for when in ("start", "middle", "end"):
        assert re.search(rf"{when} +\d+\.\d MB resident", run.stdout)
