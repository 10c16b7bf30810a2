"""Events that came together, read together: of what is plain text, one chunk is made.

Nothing is lost or moved: a piece of text is joined to the text right before it, and
both look to the caller as they came, one after the other.
"""

from collections.abc import Callable, Iterator, Sequence

from roadbed.core.errors import ProviderError
from roadbed.dialects.base import Reader
from roadbed.inference.call import Chunk

Event = tuple[str, bytes]
"""The name of an event, empty if it has none, and its data."""
Run = Callable[[Sequence[Event], int], tuple[Chunk | None, int]]
"""Reads plain events from a place on: their one chunk, and where the next event is."""


def heard(reader: Reader, events: Sequence[Event]) -> Iterator[Chunk]:
    """Yield what *events* say, up to the terminal marker.

    What came before an event that is wrong is yielded before its error is raised.
    """
    run: Run | None = getattr(reader, "run", None)
    joined = _Joined()
    at, count, failure = 0, len(events), None
    while at < count and not reader.done:
        try:
            chunk, at = run(events, at) if run else (None, at)
            if chunk is None:
                if at == count:
                    break
                chunk, at = reader.event(*events[at]), at + 1
        except ProviderError as error:
            failure = error
            break
        if chunk is not None and (before := joined.take(chunk)) is not None:
            yield before
    if (last := joined.end()) is not None:
        yield last
    if failure is not None:
        raise failure


class _Joined:
    """A chunk, and the plain ones that followed it."""

    def __init__(self) -> None:
        self._first: Chunk | None = None
        self._more: list[Chunk] = []

    def take(self, chunk: Chunk) -> Chunk | None:
        """Take in *chunk*; return what is complete before it, if anything is."""
        first = self._first
        if first is not None and first.text and _goes_with(first, chunk):
            self._more.append(chunk)
            return None
        before = self.end()
        if _is_plain(chunk):
            self._first = chunk
            return before
        if before is None:
            return chunk
        self._first = chunk
        return before

    def end(self) -> Chunk | None:
        """Return what there is, as one chunk, and begin anew."""
        first, self._first = self._first, None
        more, self._more = self._more, []
        if first is None or not more:
            return first
        chunks = [first, *more]
        raw = None if first.raw is None else b"".join([c.raw or b"" for c in chunks])
        return Chunk(
            text="".join([c.text for c in chunks]),
            served=more[-1].served,
            raw=raw,
            dialect=first.dialect,
        )


def _goes_with(first: Chunk, chunk: Chunk) -> bool:
    same = (first.raw is None) == (chunk.raw is None) and first.dialect == chunk.dialect
    return same and _is_plain(first) and _is_plain(chunk)


def _is_plain(chunk: Chunk) -> bool:
    """Say whether *chunk* has text or nothing, but nothing else."""
    return not (
        chunk.finish
        or chunk.tools
        or chunk.thinking
        or chunk.signature
        or chunk.refusal
        or chunk.annotations
        or chunk.usage
    )
