"""The runs that are open in this process, the innermost last."""

from typing import Protocol

from roadbed.data.version import DatasetVersion


class Reads(Protocol):
    """A run that takes note of what is read while it is open."""

    def reads(self, version: DatasetVersion) -> None:
        """Take note that *version* was read."""
        ...


OPEN: list[Reads] = []


def note_read(version: DatasetVersion) -> None:
    """Tell the innermost open run, if there is one, that *version* was read."""
    for run in OPEN[-1:]:
        run.reads(version)
