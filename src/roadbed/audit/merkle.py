"""Merkle trees as RFC 6962 draws them: roots, and proofs that need no tree.

Everything here takes and gives leaf hashes and node hashes, 32 bytes each; the
algorithms that check proofs are those of RFC 9162, section 2.1.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

Subtree = Callable[[int, int], bytes]
"""Gives the root over the leaves from one place (from 0) up to another."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf that holds *data*."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above *left* and *right*."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of *size* leaves, remembered by the roots of its perfect subtrees.

    `nodes` holds them from the left, largest first: one for each bit that is set
    in `size`. It is all that is needed to add leaves and to know the root.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def append(self, *leaves: bytes) -> Self:
        """Return the frontier after *leaves* (leaf hashes) were added in order."""
        size, nodes = self.size, list(self.nodes)
        for leaf in leaves:
            node, rest = leaf, size
            while rest & 1:
                node, rest = node_hash(nodes.pop(), node), rest >> 1
            nodes.append(node)
            size += 1
        return type(self)(size, tuple(nodes))

    def root(self) -> bytes:
        """Return the root hash of the whole tree."""
        if not self.nodes:
            return EMPTY_ROOT
        *others, root = self.nodes
        for node in reversed(others):
            root = node_hash(node, root)
        return root


EMPTY = Frontier()
"""The tree without leaves."""


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over *leaves* (leaf hashes)."""
    return EMPTY.append(*leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path from leaf *index* (from 0) to the root over all *leaves*.

    Raises IndexError if there is no such leaf.
    """
    return inclusion_path(len(leaves), index, _subtree_of(leaves))


def inclusion_path(size: int, index: int, subtree: Subtree) -> list[bytes]:
    """Return the path from leaf *index* to the root over *size* leaves.

    Raises IndexError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} among {size}")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Say whether *proof* leads from *leaf* at *index* to the root *expected*.

    `size` is the number of leaves under that root.
    """
    if not 0 <= index < size:
        return False
    node, last, path = leaf, size - 1, index
    for sibling in proof:
        if last == 0:
            return False
        if path & 1 or path == last:
            node = node_hash(sibling, node)
            while not path & 1 and path:
                path, last = path >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        path, last = path >> 1, last >> 1
    return last == 0 and node == expected


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """Return the proof that the tree of all *leaves* grew out of its *first* ones.

    Raises IndexError if there are fewer than *first* leaves.
    """
    return consistency_path(len(leaves), first, _subtree_of(leaves))


def consistency_path(size: int, first: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of *size* leaves grew out of its *first* ones.

    Raises IndexError if there are fewer than *first* leaves.
    """
    if not 0 <= first <= size:
        raise IndexError(f"{size} leaves did not grow out of {first}")
    if first == 0:
        return []
    proof, low, high, whole = [], 0, size, True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(subtree(middle, high))
            high = middle
        else:
            proof.append(subtree(low, middle))
            low, whole = middle, False
    if not whole:
        proof.append(subtree(low, high))
    return proof[::-1]


def verify_consistency(
    before: tuple[int, bytes], after: tuple[int, bytes], proof: Sequence[bytes]
) -> bool:
    """Say whether *proof* shows that the tree *after* continues the tree *before*.

    Each tree is its size and its root.
    """
    (first, first_root), (second, second_root) = before, after
    if not 0 < first < second:
        grown = first <= second and not proof
        same = first_root == (second_root if first == second else EMPTY_ROOT)
        return grown and same
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    return bool(path) and _climb(first, second, path) == (first_root, second_root)


def _climb(first: int, second: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    """Return the two roots that *path* leads to, None if it has the wrong length."""
    left, last = first - 1, second - 1
    while left & 1:
        left, last = left >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return None
        if left & 1 or left == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not left & 1 and left:
                left, last = left >> 1, last >> 1
        else:
            new = node_hash(new, node)
        left, last = left >> 1, last >> 1
    return (old, new) if last == 0 else None


def _subtree_of(leaves: Sequence[bytes]) -> Subtree:
    return lambda low, high: root(leaves[low:high])


def _split(size: int) -> int:
    """Return the largest power of two below *size*."""
    return 1 << (size - 1).bit_length() - 1
