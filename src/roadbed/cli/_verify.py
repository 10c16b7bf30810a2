"""What `roadbed audit verify` checks, and how it says what it found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

_T = TypeVar("_T")
_SEAL_TRIES, _SEAL_PAUSE_S = 300, 0.1

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from roadbed.app import App
    from roadbed.audit.report import Report
    from roadbed.gateway.proof import CallProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All findings together: the log's, the tables', the files', the calls'."""

    verified: bool
    lines: tuple[str, ...]
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON."""
        return {"verified": self.verified} | self.facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """What was asked of a file alone: which file, whose key, which log."""

    bundle: Path | None
    proof: Path | None
    key: str | None
    origin: str
    earlier: Path | None

    @property
    def file(self) -> Path | None:
        """The file, None if the line itself is meant."""
        return self.proof or self.bundle

    def verify(self) -> Verdict:
        """Verify the proof, else the bundle."""
        key = read_key(self.key)
        if self.proof is not None:
            return verify_proof(self.proof, key, self.origin)
        assert self.bundle is not None
        return verify_bundle(self.bundle, key, self.origin, self.earlier)


def verify_bundle(bundle: Path, key: str, origin: str, earlier: Path | None) -> Verdict:
    """Verify an exported log with nothing but the file and the key."""
    from roadbed.audit.copies import split_notes
    from roadbed.audit.tar import opened_tar
    from roadbed.audit.verify import verify
    from roadbed.core.errors import Invalid

    notes = split_notes(earlier.read_text("utf-8", "replace")) if earlier else []
    if earlier and not notes:
        raise Invalid(f"{earlier} holds no checkpoint")
    with opened_tar(bundle) as opened:
        for note in notes:
            opened = opened.with_note("given", note)
        with bar(opened.size, "checking entries") as progress:
            report = verify(opened, key, origin=origin, progress=progress.update)
    return verdict(report)


def verify_proof(file: Path, key: str, origin: str) -> Verdict:
    """Verify the proof of one entry with nothing but the file and the key."""
    from roadbed.audit.proof import EntryProof
    from roadbed.audit.verify import read_keys

    proof = EntryProof.read(file.read_text("utf-8", "replace"))
    findings = proof.findings(read_keys(key, origin))
    facts = {"findings": findings, "entry": proof.entry}
    if findings:
        lines = ["proof: NOT verified", *(f"  ✗ {finding}" for finding in findings)]
        return Verdict(verified=False, lines=tuple(lines), facts=facts)
    signed, entry = proof.checkpoint(), proof.entry
    did = " ".join(str(entry[name]) for name in ("actor", "action", "resource"))
    lines = [
        "proof: verified",
        f"  entry {entry['seq']}: {did} ({entry['outcome']})",
        f"  under the checkpoint of {signed.origin} over {signed.size} entries",
    ]
    return Verdict(verified=True, lines=tuple(lines), facts=facts)


def read_key(key: str | None) -> str:
    """Return the key in *key*, a file or the line itself; the line's own if None."""
    from roadbed.core.errors import Invalid

    if key is None:
        return own_public_key()
    file = Path(key)
    if "+" in key and not file.exists():
        return key
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        raise Invalid(f"the key cannot be read from {key}: {error.strerror}") from None


def own_public_key() -> str:
    """Return the verifier key of the line in this folder; NotFound if there is none."""
    from roadbed.core.errors import NotFound
    from roadbed.settings import load

    file = load().state / "audit" / "signing-key.pem.pub"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        raise NotFound(
            "there is no line here to take the public key from",
            hint="give the key with --key",
        ) from None


def verify_own(calls: Iterable[str]) -> Verdict:
    """Verify the line in this folder, and leave on its log that somebody did."""
    from roadbed.cli._session import session

    with session("audit", sign=False) as opened:
        told = verify_line(opened.app, calls)
        # What was found damaged is left as it is, for whoever looks next.
        if told.verified:
            opened.note("audit.verify", "Audit/log")
        return told


def verify_line(app: "App", calls: Iterable[str]) -> Verdict:
    """Verify this line: its log, and all that the log speaks of.

    Every sealed file, every row of the tables that an entry is about, and every
    blob is held to the log; *calls* are proven one by one.
    """
    from contextlib import suppress

    from roadbed.audit.verify import verify_database
    from roadbed.core.errors import Corrupt

    proofs, unproven = _proofs(app, calls)
    # A log that does not continue what was signed is not signed; verify says why.
    with suppress(Corrupt):
        app.audit.checkpoint()
    with bar(app.audit.size(), "checking entries") as entries:
        report = verify_database(
            app.database, app.checkpoints, app.public_key, entries.update, app.copies
        )
    with _progress(app.calls.segments(), "checking sealed calls") as segments:
        findings = [f for s in segments for f in app.calls.verify_segment(s.id)]
    return verdict(report, (*unproven, *_custody(app), *findings), proofs)


def _custody(app: "App") -> "list[str]":
    from roadbed.audit.bundle import steady
    from roadbed.control.custody import compare, held, rehash
    from roadbed.data.erasure.erasures import list_erasures

    with steady(app.database) as connection:
        findings = [*compare(connection)]
        named, gone = held(connection), list_erasures(connection)
    with _progress(named, "checking data and artifacts") as items:
        return [*findings, *rehash(app.blobs, items, gone)]


def _proofs(
    app: "App", calls: Iterable[str]
) -> "tuple[list[CallProof], tuple[str, ...]]":
    """Prove each call; what cannot be is a finding, and the others go on."""
    from roadbed.core.errors import Corrupt, NotFound

    proofs, findings = [], []
    for call in calls:
        try:
            proofs.append(_prove(app, call))
        except (Corrupt, NotFound) as error:
            findings.append(f"call {call} cannot be proven: {error.message}")
    return proofs, tuple(findings)


def _progress(items: "Sequence[_T]", label: str) -> "ProgressBar[_T]":
    """Return *items* as something that shows, on a terminal, how far one is."""
    import sys

    import click

    return click.progressbar(
        items,
        label=label,
        show_pos=True,
        file=sys.stderr,
        hidden=not sys.stderr.isatty() or not items,
    )


def _prove(app: "App", call: str) -> "CallProof":
    """Prove one call; if it lies in a spool, have that sealed first."""
    from roadbed.core.errors import NotReady

    if seal_now(app, call):
        return app.calls.prove(call)
    raise NotReady(
        f"call {call} is still in the spool of a running process",
        hint="it is sealed within a minute; try again, or look at `roadbed doctor`",
    )


def seal_now(app: "App", call: str) -> bool:
    """Have the spool that *call* lies in sealed; say whether the call is sealed."""
    import time

    from roadbed.gateway.request import ask_to_seal

    if app.calls.find(call).segment is None:
        app.adopt()
        with app.database.write() as connection:
            ask_to_seal(connection)
    for _ in range(_SEAL_TRIES):
        if app.calls.find(call).segment is not None:
            return True
        time.sleep(_SEAL_PAUSE_S)
    return False


def bar(length: int, label: str) -> "ProgressBar[int]":
    """Return a bar that is told how far one is, and shows it on a terminal."""
    import sys

    import click

    hidden = not sys.stderr.isatty()
    return click.progressbar(
        length=length, label=label, show_pos=True, file=sys.stderr, hidden=hidden
    )


def verdict(
    report: "Report", findings: tuple[str, ...] = (), proofs: Iterable[Any] = ()
) -> Verdict:
    """Return the verdict on a log and on all that was held to it."""
    proofs = list(proofs)
    broken = tuple(
        f"call {p.record.call_id} is not under the root of its batch"
        for p in proofs
        if not p.holds()
    )
    verified = report.verified and not findings and not broken
    lines = report.lines()
    lines[0] = f"audit: {'verified' if verified else 'NOT verified'}"
    lines[1:1] = [f"  ✗ {finding}" for finding in (*findings, *broken)]
    lines += [
        f"  ✓ call {p.record.call_id} is leaf {p.index} of {p.size} in {p.segment}, "
        f"audit entry {p.audit_seq}"
        for p in proofs
        if p.holds()
    ]
    facts = {
        "size": report.size,
        "root": report.root,
        "checkpoints": report.checkpoints,
        "findings": [*report.findings, *findings, *broken],
        "calls": [p.record.call_id for p in proofs if p.holds()],
    }
    return Verdict(verified=verified, lines=tuple(lines), facts=facts)
