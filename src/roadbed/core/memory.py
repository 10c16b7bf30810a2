"""How much memory this process may still take, and how often it looks for garbage.

The first is asked before something large is loaded: a process that takes more than
there is gets killed, and with it every call under way.
"""

import gc
import resource
from collections.abc import Iterator
from pathlib import Path

_PAGE = resource.getpagesize()


def available(root: Path = Path("/")) -> int | None:
    """Return the bytes that may still be taken, None where nothing is known.

    That is the least of what the machine has left, what the control groups (version 2)
    leave of their limits, and what the limit on the address space leaves. *root* is
    where `proc` and `sys` are.
    """
    known = [*_of_the_machine(root), *_of_the_groups(root), *_of_the_process(root)]
    return max(0, min(known)) if known else None


def collect_seldom() -> None:
    """Look for cycles of garbage less often than Python does by itself.

    To import a hundred modules makes many objects and no garbage: a tenth of the
    time that a command takes to start went into looking for it.
    """
    gc.set_threshold(50_000, 20, 100)


def _of_the_machine(root: Path) -> Iterator[int]:
    found = _table(root / "proc/meminfo").get("MemAvailable:")
    if found is not None:
        yield found * 1024


def _of_the_groups(root: Path) -> Iterator[int]:
    """Yield what each limited group leaves, from the process's own up to the root."""
    top = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        if not line.startswith("0::/"):
            continue
        own = top / line.removeprefix("0::/")
        for group in (own, *own.parents):
            if not group.is_relative_to(top):
                break
            limit = "".join(_lines(group / "memory.max"))
            used = "".join(_lines(group / "memory.current"))
            if limit.isdigit() and used.isdigit():
                yield int(limit) - int(used) + _cached(group)


def _cached(group: Path) -> int:
    """Return what a group holds of files: it is counted, and given up on demand."""
    table = _table(group / "memory.stat")
    return table.get("inactive_file", 0) + table.get("active_file", 0)


def _of_the_process(root: Path) -> Iterator[int]:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    sizes = "".join(_lines(root / "proc/self/statm")).split()
    if limit != resource.RLIM_INFINITY and sizes:
        yield limit - int(sizes[0]) * _PAGE


def _table(file: Path) -> dict[str, int]:
    words = [line.split() for line in _lines(file)]
    return {w[0]: int(w[1]) for w in words if len(w) > 1 and w[1].isdigit()}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
