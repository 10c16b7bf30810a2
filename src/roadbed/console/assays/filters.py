"""What the pages of reports are asked by: read from their URLs."""

import re
from dataclasses import dataclass

from roadbed.console.filters import Filter
from roadbed.core.errors import Invalid

_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{8,64}")
_PAGE = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter(Filter):
    """Which cases of a report: the worst by a grader, with a tag; pages are from 1."""

    grader: str = ""
    tag: str = ""
    page: str = "1"

    def __post_init__(self) -> None:
        _check(self.page)

    @property
    def number(self) -> int:
        """Return the page as a number."""
        return int(self.page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Filter):
    """Which two reports are compared, by their digests; empty: the newest two."""

    before: str = ""
    after: str = ""
    page: str = "1"

    def __post_init__(self) -> None:
        _check(self.page)
        for name in ("before", "after"):
            given = getattr(self, name)
            if given and not _DIGEST.fullmatch(given):
                raise Invalid(
                    f"{name} is {given[:40]!r}", hint="write the digest of a report"
                )

    @property
    def number(self) -> int:
        """Return the page as a number."""
        return int(self.page)


def _check(page: str) -> None:
    if not _PAGE.fullmatch(page):
        raise Invalid(f"page is {page[:40]!r}", hint="a number from 1 upwards")
