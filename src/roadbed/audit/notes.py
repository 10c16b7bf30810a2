"""The signed notes of a bundle: which are true, which are not, which are torn."""

from collections import Counter
from dataclasses import dataclass, field

from roadbed.audit.checkpoint import Checkpoint, read_checkpoint
from roadbed.audit.note import Verifier, read_note
from roadbed.audit.torn import is_torn
from roadbed.core.errors import Invalid

DATABASE, COPY = "database", "copy"
_PLACES = {
    DATABASE: "database",
    COPY: "copy",
    "bundle": "bundle's head",
    "given": "file that was given",
}


@dataclass
class Notes:
    """The signed notes of a bundle, sorted into true, false, damaged and torn."""

    verifiers: list[Verifier]
    believed: dict[Checkpoint, str] = field(default_factory=dict)
    untrue: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    torn: int = 0
    _stored: dict[str, int] = field(default_factory=dict)
    _copied: set[str] = field(default_factory=set)

    def read(self, source: str, text: str) -> None:
        """Believe the note *text* from *source* if one of the keys signed it."""
        if source == COPY:
            self._copied.add(text)
        try:
            note = read_note(text)
            checkpoint = read_checkpoint(note.text)
        except Invalid:
            self._doubt(self.damaged, source, text)
            return
        if not any(
            note.signed_by(v) and checkpoint.origin == v.name for v in self.verifiers
        ):
            self._doubt(self.untrue, source, text)
            return
        self.believed.setdefault(checkpoint, source)
        if source == DATABASE:
            self._stored[text] = checkpoint.size

    def by_size(self) -> dict[int, list[Checkpoint]]:
        """Return the true checkpoints by how many entries they were signed over."""
        sizes: dict[int, list[Checkpoint]] = {}
        for checkpoint in self.believed:
            sizes.setdefault(checkpoint.size, []).append(checkpoint)
        return sizes

    def findings(self) -> list[str]:
        """Name the notes that are not what they claim to be, or not where they were."""
        found = [
            f"{count} of the checkpoints in the {_name(source)} "
            f"{_be(count)} not signed by this log's key"
            for source, count in self.untrue.items()
        ]
        found += [
            f"the {_name(source)} was damaged: {count} of the pieces in "
            f"it {_be(count)} no checkpoint"
            for source, count in self.damaged.items()
        ]
        return [*found, *self._missing()]

    def remarks(self) -> list[str]:
        """Say what a crash left behind."""
        if not self.torn:
            return []
        notes = "note was" if self.torn == 1 else "notes were"
        return [f"{self.torn} {notes} torn by a crash in the copy; no entry is lost"]

    def _missing(self) -> list[str]:
        """Name what the copy outside the database no longer has.

        The copy is written first, so what the database has was there.
        """
        lost = [size for text, size in self._stored.items() if text not in self._copied]
        if not lost:
            return []
        count, total = len(lost), len(self._stored)
        return [
            f"{count} of {total} checkpoints {_be(count)} missing in the copy outside "
            f"the database, such as that over {min(lost)} entries: it was removed, "
            "cut or damaged"
        ]

    def _doubt(self, pile: Counter[str], source: str, text: str) -> None:
        if source == COPY and any(is_torn(text, v.name) for v in self.verifiers):
            self.torn += 1
        else:
            pile[source] += 1


def _name(source: str) -> str:
    return _PLACES.get(source, f"{source} copy")


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
