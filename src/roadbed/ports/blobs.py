"""What Roadbed asks of a store of immutable bytes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol


class Blobs(Protocol):
    """Immutable bytes, named by their digest (`sha256:…`)."""

    def put(self, chunks: Iterable[bytes]) -> str:
        """Keep the bytes and return their digest; a broken upload leaves nothing."""
        ...

    def get(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes; raise NotFound, or Corrupt if they are not what was put."""
        ...

    def has(self, digest: str) -> bool:
        """Say whether the bytes are here."""
        ...

    def path(self, digest: str) -> Path:
        """Return a local file with the bytes, verified; raise as `get` does."""
        ...
