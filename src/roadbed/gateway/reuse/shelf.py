"""Where answers are kept: in memory, the least used of them making room."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.gateway.reuse.likeness import Form
from roadbed.inference.call import Chunk

MAX_ANSWERS = 50_000
_OVERHEAD = 512
"""What an object costs besides the text in it, in bytes, generously."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, piece by piece, when it was given, and of how many bytes."""

    chunks: tuple[Chunk, ...]
    form: Form
    at_s: float
    size: int


class Shelf:
    """Keeps answers of at most *max_bytes* together, and *max_answers* of them.

    An answer of more than an eighth of the room is not kept.
    """

    def __init__(self, max_bytes: int, max_answers: int = MAX_ANSWERS) -> None:
        self.max_bytes = max_bytes
        self.max_answers = max_answers
        self.bytes = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def largest(self) -> int:
        """Return the size of the largest answer that is kept, in bytes."""
        return self.max_bytes // 8

    def find(self, key: bytes) -> Kept | None:
        """Return what is kept under *key*, now the last to make room; None if none."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: bytes, chunks: Sequence[Chunk], form: Form, at_s: float) -> None:
        """Keep an answer given at *at_s*; it replaces the one of before."""
        self.drop(key)
        size = _OVERHEAD + sum(map(size_of, chunks))
        if size > self.largest:
            return
        self._kept[key] = Kept(tuple(chunks), form, at_s, size)
        self.bytes += size
        while self.bytes > self.max_bytes or len(self._kept) > self.max_answers:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= oldest.size

    def drop(self, key: bytes) -> None:
        """Forget what is kept under *key*, if anything is."""
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.bytes -= gone.size


def size_of(chunk: Chunk) -> int:
    """Return about how many bytes *chunk* takes in memory; never too few."""
    # A character takes up to four bytes.
    texts = len(chunk.text) + len(chunk.thinking) + len(chunk.refusal)
    size = _OVERHEAD + 4 * (texts + len(chunk.signature)) + len(chunk.raw or b"")
    for piece in chunk.tools:
        size += _OVERHEAD + 4 * len(piece.arguments)
    for tensor in chunk.tensors:
        size += _OVERHEAD + len(tensor.data)
    for vector in chunk.vectors:
        size += _OVERHEAD + 40 * len(vector)
    for note in chunk.annotations:
        size += _OVERHEAD + 4 * len(str(note))
    return size + 64 * len(chunk.ranking)
