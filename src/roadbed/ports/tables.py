"""What Roadbed asks of an engine that keeps tables as Parquet files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Rows that arrive in batches, each row a sequence of as many values as *names*."""

    names: tuple[str, ...]
    batches: Iterable[Sequence[Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must hold of rows.

    `what` is not_null, unique, min, max, in_set, matches, fresh, rows or sql. `value`
    is the bound, the set, the pattern, the least moment, the pair of least and most
    rows, or the predicate. `told` says it in words.
    """

    what: str
    columns: tuple[str, ...] = ()
    value: Any = None
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How many rows break a rule, and up to five of them: the row, and its values.

    Rows are counted from 1. Of a rule on the whole table there are no examples.
    """

    rule: Rule
    failing: int
    examples: tuple[tuple[int, tuple[Any, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How many rows are only on the right, only on the left, or differ by key.

    `columns` counts, for each column that both have, the rows where it changed.
    Without a key a changed row is one that went and one that came.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the values of one column are distributed.

    Of numbers, and of times as seconds since 1970: least, most, mean, and the
    quantiles at 1, 5, 10, 20, … 90, 95 and 99 %, which are approximate. Of others:
    the most frequent values, approximately, with their exact numbers.
    """

    rows: int
    nulls: int
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """How many values of a column are in each bin.

    Numbers: bin *i* holds what is above `edges[i-1]` and at most `edges[i]`; there is
    one bin more than edges. Others: one bin for each of `edges`, and one for the rest.
    What is missing is in no bin.
    """

    edges: tuple[Any, ...]
    counts: tuple[int, ...]


class Tables(Protocol):
    """Writes tables as Parquet, the same bytes for the same rows, and reads them."""

    def write(self, source: Any, folder: Path, key: Sequence[str] = ()) -> Written:
        """Write *source* into *folder*; raise Invalid if it is no clean table.

        A source is a pandas frame, anything that speaks Arrow's C stream, a dict of
        equally long columns, a Stream, or the path of a CSV, JSON Lines or Parquet
        file. Row order is kept, and is part of the bytes. Where it is cut into
        parts follows from the rows (those of *key*, if given), so that rows before
        and after a change fall into the same parts as before.
        """
        ...

    def frame(self, files: Sequence[Path]) -> Any:
        """Return the rows of *files* as one pandas frame; NotReady without pandas."""
        ...

    def columns(self, files: Sequence[Path]) -> dict[str, list[Any]]:
        """Return the rows of *files* as plain lists, one for each column."""
        ...

    def rows(
        self, files: Sequence[Path], names: Sequence[str] = (), batch: int = 1000
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows of *files* in their order, at most *batch* at a time.

        With *names*, only those columns, in that order; raises Invalid for one that
        is not there. No more than a few batches are in memory.
        """
        ...

    def found(
        self,
        files: Sequence[Path],
        alternatives: Sequence[Sequence[str]],
        rows: Sequence[Sequence[Any]],
    ) -> set[int]:
        """Return which of *rows*, counted from 0, are among the rows of *files*.

        Each of *alternatives* names as many columns as a row has values. Texts are
        compared but for case and spaces, numbers as doubles. Raises Invalid for a
        column that is not there.
        """
        ...

    def same(self, left: Sequence[Path], right: Sequence[Path]) -> bool:
        """Say whether both hold the same rows in the same order, whatever the bytes."""
        ...

    def judge(self, files: Sequence[Path], rules: Sequence[Rule]) -> list[Judged]:
        """Return for each rule how many rows of *files* break it, in one pass.

        Raises Invalid for a rule that cannot be asked of this table.
        """
        ...

    def changes(
        self, left: Sequence[Path], right: Sequence[Path], key: Sequence[str]
    ) -> Changes:
        """Return how the rows of *right* differ from those of *left*, by *key*.

        Without a key whole rows are compared, over the columns that both have.
        Raises Invalid if a key is not in both, or not unique in one.
        """
        ...

    def profiles(self, files: Sequence[Path]) -> dict[str, Profile]:
        """Return the distribution of each column."""
        ...

    def bins(
        self, files: Sequence[Path], edges: Mapping[str, Sequence[tuple[Any, ...]]]
    ) -> dict[str, list[Bins]]:
        """Count the values of columns in bins; see `Bins`.

        *edges* has for each column one or more lists of edges.
        """
        ...
