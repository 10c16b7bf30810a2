"""Check a log offline: its entries, its signed checkpoints, and that they agree.

Pure. All it needs is a bundle and the public key; see `bundle.py` for both ends
of the file in between.
"""

from roadbed.audit.bundle import Bundle, export, read_bundle
from roadbed.audit.note import read_verifier
from roadbed.audit.notes import Notes
from roadbed.audit.report import Report
from roadbed.audit.walk import Walk

__all__ = ["Bundle", "Report", "export", "read_bundle", "verify"]


def verify(bundle: Bundle, public_key: str) -> Report:
    """Return what is true of *bundle* for the holder of *public_key*.

    *public_key* is the line in the signer's `.pub` file, or several such lines if
    several keys have signed. Raises Invalid if it is no key. The log is verified
    if every entry is what it was when it was appended, none is missing, and every
    checkpoint that was ever kept is true of it.
    """
    verifiers = [read_verifier(x) for x in public_key.splitlines() if x.strip()]
    notes = Notes(verifiers)
    for source, text in dict.fromkeys(bundle.notes):
        notes.read(source, text)
    walk = Walk(notes.by_size())
    for entry in bundle.entries:
        walk.see(entry)
    newest = max(notes.believed, key=lambda c: c.size, default=None)
    findings = [*notes.findings(), *walk.findings, *walk.ending(bundle, newest)]
    return Report(
        verified=not findings,
        size=walk.size,
        root=walk.stored.root().hex(),
        checkpoints=len(notes.believed),
        covered=newest.size if newest else 0,
        newest_us=newest.at_us if newest else 0,
        findings=tuple(findings),
        remarks=tuple([*notes.remarks(), *walk.remarks(newest)]),
    )
