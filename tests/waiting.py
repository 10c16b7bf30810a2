"""Waiting for what others do, such as a server besides answering."""

import time


def until(true, seconds):
    """Return what *true* says once it says something; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"it did not come in {seconds} s"
        time.sleep(0.01)
    return found
