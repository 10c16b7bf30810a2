"""What Roadbed asks of an engine that keeps tables as Parquet files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and its type as SQL writes it (`DOUBLE`, `VARCHAR`, …)."""

    name: str
    datatype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A Parquet file that holds some of the rows, in their order."""

    file: Path
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A table as it was written: its columns, and its parts in order."""

    columns: tuple[Column, ...]
    parts: tuple[Part, ...]


class Tables(Protocol):
    """Writes tables as Parquet, the same bytes for the same rows, and reads them."""

    def write(self, source: Any, folder: Path) -> Written:
        """Write *source* into *folder*; raise Invalid if it is no clean table.

        A source is a pandas frame, a dict of equally long columns, or the path of
        a CSV or Parquet file. Row order is kept, and is part of the bytes.
        """
        ...

    def frame(self, files: Sequence[Path]) -> Any:
        """Return the rows of *files* as one pandas frame; NotReady without pandas."""
        ...

    def columns(self, files: Sequence[Path]) -> dict[str, list[Any]]:
        """Return the rows of *files* as plain lists, one for each column."""
        ...

    def same(self, left: Sequence[Path], right: Sequence[Path]) -> bool:
        """Say whether both hold the same rows in the same order, whatever the bytes."""
        ...
