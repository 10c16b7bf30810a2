"""The signed notes of a bundle: which are true, which are not, which are torn."""

from collections import Counter
from dataclasses import dataclass, field

from roadbed.audit.checkpoint import Checkpoint, read_checkpoint
from roadbed.audit.note import Verifier, read_note
from roadbed.core.errors import Invalid


@dataclass
class Notes:
    """The signed notes of a bundle, sorted into true, false and unreadable."""

    verifiers: list[Verifier]
    believed: dict[Checkpoint, str] = field(default_factory=dict)
    untrue: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    copied: int = 0

    def read(self, source: str, text: str) -> None:
        """Believe the note *text* from *source* if one of the keys signed it."""
        try:
            note = read_note(text)
            checkpoint = read_checkpoint(note.text)
        except Invalid:
            self.unreadable[source] += 1
            return
        if not any(
            note.signed_by(v) and checkpoint.origin == v.name for v in self.verifiers
        ):
            self.untrue[source] += 1
            return
        self.believed.setdefault(checkpoint, source)
        self.copied += source != "database"

    def by_size(self) -> dict[int, list[Checkpoint]]:
        """Return the true checkpoints by how many entries they were signed over."""
        sizes: dict[int, list[Checkpoint]] = {}
        for checkpoint in self.believed:
            sizes.setdefault(checkpoint.size, []).append(checkpoint)
        return sizes

    def findings(self) -> list[str]:
        """Name the notes that claim to be signed and are not."""
        return [
            f"{count} of the checkpoints in the {source} "
            f"{'is' if count == 1 else 'are'} not signed by this log's key"
            for source, count in self.untrue.items()
        ]

    def remarks(self) -> list[str]:
        """Say what could not be read, and whether a copy outside was used."""
        torn = [f"{n} unreadable notes in the {s}" for s, n in self.unreadable.items()]
        if self.believed and not self.copied:
            torn.append(
                "no checkpoint came from outside the database: who can write it "
                "could have shortened the log"
            )
        return torn
