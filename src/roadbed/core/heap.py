"""The C library's heap, told to give back what is free.

Every thread of a server allocates a little. glibc would keep a heap for each, and in
each what it once needed: sealing a spool left 15 MB that nobody used again. Other C
libraries have no such words, and nothing is done there.
"""

import ctypes
from collections.abc import Callable
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_LARGE = 128 * 1024


def share_heap() -> None:
    """Let all threads that begin from now on share one heap.

    What is large is mapped apart, however large the last one was, and given back at
    once. Call it before threads begin.
    """
    choose = _of_the_library("mallopt")
    if choose is not None:
        choose(_ARENA_MAX, 1)
        choose(_TRIM_THRESHOLD, _LARGE)
        choose(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Give free pages back to the system; a few milliseconds."""
    trim = _of_the_library("malloc_trim")
    if trim is not None:
        trim(0)


def _of_the_library(name: str) -> Callable[..., Any] | None:
    return getattr(ctypes.CDLL(None), name, None)
