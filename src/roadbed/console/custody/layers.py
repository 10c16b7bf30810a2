"""Orders a graph in layers: who stands left of whom, and who above whom. Pure."""

from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[str, str]
"""An edge from what came first to what came out of it."""
_SWEEPS = 4


def acyclic(keys: Sequence[str], pairs: Iterable[Pair]) -> list[Pair]:
    """Return *pairs* without those that lead back, or from or to no key.

    Which of a circle goes is decided by the order of *keys*.
    """
    at = {key: n for n, key in enumerate(keys)}
    ordered = {p for p in pairs if p[0] in at and p[1] in at}
    kept: list[Pair] = []
    after: dict[str, set[str]] = {key: set() for key in keys}
    for src, dst in sorted(ordered, key=lambda p: (at[p[0]], at[p[1]])):
        if src != dst and not _leads(after, dst, src):
            after[src].add(dst)
            kept.append((src, dst))
    return kept


def ranks(keys: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the layer of each key: as far right as its edges let it be.

    What nothing came out of stands as far left as its own origins let it. *pairs*
    has no circle.
    """
    after, before = _neighbours(keys, pairs)
    found: dict[str, int] = {}
    order = _topological(keys, after, before)
    for key in order:
        found[key] = max((found[b] + 1 for b in before[key]), default=0)
    for key in reversed(order):
        if after[key]:
            found[key] = min(found[a] for a in after[key]) - 1
    least = min(found.values(), default=0)
    return {key: found[key] - least for key in keys}


def rows(rank: Mapping[str, int], pairs: Sequence[Pair]) -> list[list[str]]:
    """Return the keys of each layer from top to bottom, so that few edges cross."""
    layers: list[list[str]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for key, at in rank.items():
        layers[at].append(key)
    after, before = _neighbours(list(rank), pairs)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        for layer in layers if down else reversed(layers):
            _sort(layer, near, layers)
    return layers


def _sort(
    layer: list[str], near: Mapping[str, list[str]], layers: list[list[str]]
) -> None:
    """Sort *layer* by where its neighbours stand on average; others keep their place.

    Places are shares of the height, so that layers of any length are comparable.
    """
    place = {k: (n + 0.5) / len(each) for each in layers for n, k in enumerate(each)}

    def middle(key: str) -> float:
        found = [place[each] for each in near[key]]
        return sum(found) / len(found) if found else place[key]

    layer.sort(key=middle)


def _leads(after: Mapping[str, set[str]], start: str, end: str) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        key = waiting.pop()
        if key == end:
            return True
        new = after[key] - seen
        seen |= new
        waiting += new
    return False


def _neighbours(
    keys: Sequence[str], pairs: Iterable[Pair]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    after: dict[str, list[str]] = {key: [] for key in keys}
    before: dict[str, list[str]] = {key: [] for key in keys}
    for src, dst in pairs:
        after[src].append(dst)
        before[dst].append(src)
    return after, before


def _topological(
    keys: Sequence[str],
    after: Mapping[str, list[str]],
    before: Mapping[str, list[str]],
) -> list[str]:
    left = {key: len(before[key]) for key in keys}
    ready = [key for key in keys if not left[key]]
    for key in ready:  # It grows while it is walked.
        for each in after[key]:
            left[each] -= 1
            if not left[each]:
                ready.append(each)
    return ready
