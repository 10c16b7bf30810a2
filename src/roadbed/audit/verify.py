"""Check a log offline: its entries, its signed checkpoints, and that they agree.

Pure. All it needs is a bundle and the public key; `bundle.py` opens the log of a
database, and `tar.py` one that was exported.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from roadbed.audit.bundle import Bundle, opened
from roadbed.audit.checkpoint import Checkpoint
from roadbed.audit.note import Verifier, read_verifier
from roadbed.audit.notes import Notes
from roadbed.audit.report import Report
from roadbed.audit.tiles import Pyramid
from roadbed.audit.walk import Walk
from roadbed.core.errors import Invalid
from roadbed.database.engine import Database
from roadbed.ports.copies import Copies

__all__ = ["Bundle", "Report", "verify", "verify_database"]
Progress = Callable[[int], object]
_STEP = 256


def verify(
    bundle: Bundle,
    public_key: str,
    *,
    origin: str = "",
    progress: Progress | None = None,
) -> Report:
    """Return what is true of *bundle* for the holder of *public_key*.

    *public_key* is the line in the signer's `.pub` file, or several such lines if
    several keys have signed; with *origin*, only keys of that log count. The log is
    verified if every entry is what it was when it was appended, none is missing, and
    every checkpoint that was ever kept is true of it. Leaves are read once, in
    order, and *progress* is told of each 256. Raises Invalid if there is no key.
    """
    notes = Notes(read_keys(public_key, origin))
    for source, text in dict.fromkeys(bundle.notes):
        notes.read(source, text)
    walk, tiles = Walk(notes.by_size()), _TileCheck(bundle)
    for leaf in bundle.leaves:
        tiles.add(walk.see(leaf))
        if progress and walk.size % _STEP == 0:
            progress(_STEP)
    return _report(bundle, notes, walk, tiles)


def verify_database(
    database: Database,
    copies: Path,
    public_key: str,
    progress: Progress | None = None,
    places: Iterable[Copies] = (),
) -> Report:
    """Return what is true of the log in *database*, with the notes kept elsewhere."""
    with opened(database, copies, places) as bundle:
        return verify(bundle, public_key, progress=progress)


def read_keys(public_key: str, origin: str = "") -> list[Verifier]:
    """Read one public key to a line; raise Invalid if none is of *origin*."""
    keys = [read_verifier(x) for x in public_key.splitlines() if x.strip()]
    found = [key for key in keys if not origin or key.name == origin]
    if not found:
        raise Invalid(
            f"no key of the log {origin!r} was given" if origin else "no key was given",
            hint="the key is one line, origin+id+key, in the .pub file of the log",
        )
    return found


@dataclass
class _TileCheck:
    """Makes the tiles anew and compares them with those that are kept."""

    bundle: Bundle
    made: Pyramid = field(default_factory=Pyramid)
    findings: list[str] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        for tile in self.made.add(leaf):
            self._compare(self.bundle.tile(tile))

    def end(self) -> list[str]:
        for tile in self.made.partial():
            self._compare(self.bundle.tile(tile))
        return self.findings

    def _compare(self, finding: str) -> None:
        if finding:
            self.findings.append(finding)


def _report(bundle: Bundle, notes: Notes, walk: Walk, tiles: _TileCheck) -> Report:
    newest: Checkpoint | None = max(notes.believed, key=lambda c: c.size, default=None)
    source = notes.believed[newest] if newest else ""
    ending = walk.ending(bundle, newest, source)
    # What is wrong with an entry is wrong with every tile above it.
    above = [] if walk.findings or bundle.problems else tiles.end()
    found = [*notes.findings(), *bundle.problems, *walk.findings, *ending, *above]
    return Report(
        verified=not found,
        size=walk.size,
        root=walk.stored.root().hex(),
        checkpoints=len(notes.believed),
        covered=newest.size if newest else 0,
        newest_us=newest.at_us if newest else 0,
        findings=tuple(found),
        remarks=tuple([*notes.remarks(), *walk.remarks(newest)]),
    )
