"""The tree in tiles of 256 hashes, as https://c2sp.org/tlog-tiles cuts it.

Pure: names, tiles that grow with the leaves, and roots that are read from tiles.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from roadbed.audit.merkle import EMPTY, node_hash, root

WIDTH, HEIGHT = 256, 8
HASH_BYTES = 32
ENTRIES = "entries"
ReadTile = Callable[[int, int], Sequence[bytes]]
"""Gives the hashes of one tile, by its level and its number."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The hashes of tile *number* at *level*: 256, or fewer at the right edge."""

    level: int
    number: int
    hashes: tuple[bytes, ...]

    @property
    def path(self) -> str:
        """The name of the tile below the log's address."""
        return path_of(self.level, self.number, len(self.hashes))

    @property
    def data(self) -> bytes:
        """What stands in the tile."""
        return b"".join(self.hashes)

    def root(self) -> bytes:
        """Return the root over the tile's hashes."""
        return root(self.hashes)


def path_of(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return a tile's name: `tile/0/x001/234`, `tile/entries/000.p/7`."""
    digits = f"{number:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def hashes_in(data: bytes) -> tuple[bytes, ...]:
    """Return the hashes that stand in a tile's *data*."""
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


@dataclass
class Pyramid:
    """Tiles that grow leaf by leaf; a tile is given out when it is full."""

    edges: list[list[bytes]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, leaf: bytes) -> list[Tile]:
        """Take the next leaf hash and return the tiles that it fills."""
        filled: list[Tile] = []
        node, level = leaf, 0
        while node:
            if level == len(self.edges):
                self.edges.append([])
                self.counts.append(0)
            self.edges[level].append(node)
            if len(self.edges[level]) < WIDTH:
                break
            tile = Tile(level, self.counts[level], tuple(self.edges[level]))
            filled.append(tile)
            self.edges[level] = []
            self.counts[level] += 1
            node, level = tile.root(), level + 1
        return filled

    def partial(self) -> Iterator[Tile]:
        """Give the tiles at the right edge, which are not full."""
        for level, hashes in enumerate(self.edges):
            if hashes:
                yield Tile(level, self.counts[level], tuple(hashes))


def subtree(read: ReadTile, low: int, high: int) -> bytes:
    """Return the root over the leaves from *low* up to *high*, from tiles.

    *low* is a multiple of the largest power of two that is at most `high - low`, as
    in every proof.
    """
    nodes: list[bytes] = []
    while low < high:
        power = (high - low).bit_length() - 1
        nodes.append(_perfect(read, power, low >> power))
        low += 1 << power
    result = nodes.pop() if nodes else EMPTY.root()
    while nodes:
        result = node_hash(nodes.pop(), result)
    return result


def _perfect(read: ReadTile, power: int, index: int) -> bytes:
    """Return the root of the perfect subtree number *index* of `2 ** power` leaves."""
    level, height = divmod(power, HEIGHT)
    first = index << height
    number, at = divmod(first, WIDTH)
    return root(read(level, number)[at : at + (1 << height)])
