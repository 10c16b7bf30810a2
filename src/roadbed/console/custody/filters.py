"""What the pages of runs and of differences are asked by: read from their URLs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from roadbed.console.filters import Filter
from roadbed.core.errors import Invalid
from roadbed.core.reference import NAME

STANDINGS = ("started", "finished", "failed")
"""How a run can be on record. Of those that started, some may be lost."""
MOST_RUNS = 8
"""As many runs as can be compared at once."""
_RUN = re.compile(r"[0-9A-Za-z-]{1,64}")
_DATA = re.compile(rf"{NAME}(@[1-9][0-9]{{0,8}})?")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter(Filter):
    """Which runs. `where` is a search as tracking clients write it.

    `data` is a dataset, or one version of it, that the run read; `before` is the
    cursor of a page.
    """

    name: str = ""
    status: str = ""
    actor: str = ""
    data: str = ""
    where: str = ""
    before: str = ""

    def __post_init__(self) -> None:
        if self.status and self.status not in STANDINGS:
            raise Invalid(
                f"status is {self.status!r}", hint=f"one of: {', '.join(STANDINGS)}"
            )
        if self.data and not _DATA.fullmatch(self.data):
            raise Invalid(
                f"{self.data!r} is no dataset", hint="write tumors, or tumors@2"
            )
        if self.before and not _RUN.fullmatch(self.before):
            raise Invalid("before is no place in this list", hint="follow the link")

    @property
    def active(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that narrow the list, as (name, value)."""
        names = ("name", "status", "actor", "data", "where")
        return tuple((n, getattr(self, n)) for n in names if getattr(self, n))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter(Filter):
    """Which models: those whose name has a part; `after` is the cursor of a page."""

    name: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffFilter:
    """Which two versions are compared, by their numbers; 0: not chosen yet.

    `key` are the columns that tell one row of a dataset from another.
    """

    left: int = 0
    right: int = 0
    key: str = ""

    @classmethod
    def read(cls, left: str, right: str, key: str = "") -> "DiffFilter":
        """Read it from the fields of a URL; raise Invalid for what is no number."""
        for name, text in (("from", left), ("to", right)):
            if text and not _NUMBER.fullmatch(text.removeprefix("@")):
                raise Invalid(
                    f"{name} is {text[:40]!r}", hint="write the number of a version"
                )
        if len(key) > 500:
            raise Invalid("key is longer than 500 characters")
        numbers = (int(text.removeprefix("@") or 0) for text in (left, right))
        return cls(left=next(numbers), right=next(numbers), key=key.strip())


def read_runs(given: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of runs to compare, each once; raise Invalid for too many."""
    found = tuple(dict.fromkeys(text.strip() for text in given if text.strip()))
    if len(found) > MOST_RUNS:
        raise Invalid(
            f"{len(found)} runs are too many to compare",
            hint=f"choose 2 to {MOST_RUNS}",
        )
    if any(not _RUN.fullmatch(text) for text in found):
        raise Invalid("that is no id of a run", hint="choose runs in the list")
    return found
