"""Draws a chain of custody: nodes and edges in, coordinates out. Pure.

All numbers are pixels. The picture has the size that it needs; the page scrolls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadbed.console.custody.layers import Pair, acyclic, ranks, rows

WIDTH = 164
"""How wide a box is."""
GAP = 44
"""How far layers are apart."""
_APART = 14
_LINE = 16
_PADDING = 10
_THREAD = 6
_FITS = 20
"""How many letters of a name fit into a box; the rest is in its title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing of a chain: what it is, its name, facts in few words, its page.

    `subject` is what was asked about; `bad` says why it is bad, if it is.
    """

    key: str
    kind: str
    name: str
    facts: tuple[str, ...] = ()
    href: str = ""
    bad: str = ""
    subject: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """*dst* came out of *src*, or is reached from it; `words` say how.

    `past` is one that was, and is no more.
    """

    src: str
    dst: str
    words: str = ""
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a node is drawn; `name` and `facts` are cut to fit."""

    node: Node
    x: int
    y: int
    height: int
    name: str
    facts: tuple[str, ...]
    width: int = WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """How an edge is drawn: the points it goes through, and the path as SVG has it."""

    edge: Edge
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """Return the path: curves between layers, straight lines past a box."""
        (x, y), *rest = self.points
        steps = [f"M{x:g},{y:g}"]
        for at, (to_x, to_y) in enumerate(rest):
            if at % 2:
                steps.append(f"L{to_x:g},{to_y:g}")
            else:
                middle = (x + to_x) / 2
                steps.append(f"C{middle:g},{y:g} {middle:g},{to_y:g} {to_x:g},{to_y:g}")
            x, y = to_x, to_y
        return " ".join(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chain as it is drawn, left to right, and what it shows in words."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arcs: tuple[Arc, ...]
    words: str


def picture(nodes: Sequence[Node], edges: Sequence[Edge]) -> Picture:
    """Return the drawing of *nodes*, whose keys differ, and of *edges* among them.

    An edge that closes a circle is left out: time runs from left to right.
    """
    by_key = {node.key: node for node in nodes}
    pairs = acyclic(list(by_key), [(e.src, e.dst) for e in edges])
    rank = ranks(list(by_key), pairs)
    threads = {pair: _thread(pair, rank) for pair in pairs}
    layers = _layers(rank, threads)
    spots = _spots(layers, {key: _height(node) for key, node in by_key.items()})
    boxes = tuple(_box(by_key[k], spots[k]) for la in layers for k in la if k in by_key)
    kept = {(e.src, e.dst): e for e in reversed(edges)}
    arcs = tuple(_arc(kept[pair], threads[pair], spots) for pair in pairs)
    return Picture(
        width=max((box.x + WIDTH for box in boxes), default=0),
        height=max((box.y + box.height for box in boxes), default=0),
        boxes=boxes,
        arcs=arcs,
        words=_words(boxes, pairs),
    )


def shorten(text: str, fits: int = _FITS) -> str:
    """Return *text* cut in its middle so that *fits* letters of it are left.

    The end stays: there is the number of a version.
    """
    if len(text) <= fits:
        return text
    tail = min(len(text.rpartition("@")[2]) + 1 if "@" in text else 4, fits // 2)
    return f"{text[: fits - tail - 1]}…{text[-tail:]}"


@dataclass(frozen=True, slots=True)
class _Spot:
    x: int
    y: int
    height: int

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def _layers(
    rank: Mapping[str, int], threads: Mapping[Pair, Sequence[tuple[str, int]]]
) -> list[list[str]]:
    """Return the layers, with a place in each layer that a long edge passes."""
    steps: list[Pair] = []
    places = dict(rank)
    for (src, dst), thread in threads.items():
        places.update(thread)
        stops = [src, *(key for key, _ in thread), dst]
        steps += pairwise(stops)
    return rows(places, steps)


def _thread(pair: Pair, rank: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return what stands for an edge in the layers that it passes."""
    src, dst = pair
    return [(f"\0{src}\0{dst}\0{at}", at) for at in range(rank[src] + 1, rank[dst])]


def _spots(
    layers: Sequence[Sequence[str]], tall: Mapping[str, int]
) -> dict[str, _Spot]:
    """Return where everything stands: each layer in the middle of the tallest."""
    heights = [
        sum(tall.get(k, _THREAD) for k in layer) + _APART * (len(layer) - 1)
        for layer in layers
    ]
    whole = max(heights, default=0)
    found: dict[str, _Spot] = {}
    for at, layer in enumerate(layers):
        y = (whole - heights[at]) // 2
        for key in layer:
            height = tall.get(key, _THREAD)
            found[key] = _Spot(at * (WIDTH + GAP), y, height)
            y += height + _APART
    return found


def _height(node: Node) -> int:
    return 2 * _PADDING + _LINE * (2 + len(node.facts))


def _box(node: Node, spot: _Spot) -> Box:
    return Box(
        node=node,
        x=spot.x,
        y=spot.y,
        height=spot.height,
        name=shorten(node.name),
        facts=tuple(shorten(fact, _FITS + 3) for fact in node.facts),
    )


def _arc(
    edge: Edge, thread: Sequence[tuple[str, int]], spots: Mapping[str, _Spot]
) -> Arc:
    src, dst = spots[edge.src], spots[edge.dst]
    points = [(float(src.x + WIDTH), src.middle)]
    for key, _ in thread:
        spot = spots[key]
        points += [(float(spot.x), spot.middle), (float(spot.x + WIDTH), spot.middle)]
    return Arc(edge=edge, points=(*points, (float(dst.x), dst.middle)))


def _words(boxes: Sequence[Box], pairs: Sequence[Pair]) -> str:
    names = {box.node.key: f"{box.node.kind} {box.node.name}" for box in boxes}
    told = [f"{names[src]} → {names[dst]}" for src, dst in pairs]
    return "; ".join(told) or ", ".join(names.values())
