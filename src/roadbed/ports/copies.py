"""What Roadbed asks of a place that keeps copies of the audit log's checkpoints."""

from typing import Protocol


class Copies(Protocol):
    """A place that whoever can rewrite the database cannot rewrite as well.

    `name` tells places apart, in small letters, digits and hyphens. Blocks.
    """

    name: str

    def put(self, size: int, note: str) -> None:
        """Keep *note*, signed over *size* entries; keeping it again changes nothing.

        It is kept when this returns. Raises Conflict if another note of that size is
        there, NotReady or Unavailable if the place cannot take it now.
        """
        ...

    def notes(self) -> list[str] | None:
        """Return the notes that are kept, the largest size last.

        None if this place cannot be read. Raises NotReady or Unavailable if it
        cannot be reached now.
        """
        ...

    def newest(self) -> str | None:
        """Return the note of the largest size without reading the others.

        None if nothing is kept, or this place cannot be read. Raises as `notes` does.
        """
        ...
