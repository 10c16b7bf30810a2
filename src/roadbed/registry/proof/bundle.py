"""A model version in one file, to be verified by who has that file and a public key.

A tar of `bundle.json` and of blobs by digest: the envelopes of the version and of
those that it goes on from, their artifacts, the patch, the lock and the manifests of
the data. The data itself is not in it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from roadbed.core.digest import PREFIX, canonical
from roadbed.core.errors import Invalid

FORMAT = "roadbed/model-bundle/v1"
INDEX = "bundle.json"
_FOLDER = "blobs/"
_PIECE = 1024 * 1024
_MAX_KEPT = 16 * 1024 * 1024
_MAX_MEMBERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One version in a bundle: its definition, its envelope, and the log's proof.

    `proof` is the text of the audit entry that names the envelope, with its path to
    a signed checkpoint; empty if it was not signed yet.
    """

    name: str
    definition: Mapping[str, Any]
    statement: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A bundle that was read: what it says, and the blobs that are truly in it.

    `kept` are the small blobs by digest; `held` are the digests of all; `false` are
    digests that a file of the bundle bears wrongly.
    """

    subject: str
    exhibits: Mapping[str, Exhibit]
    kept: Mapping[str, bytes] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    false: frozenset[str] = frozenset()


def write_bundle(
    file: IO[bytes],
    subject: str,
    exhibits: Iterable[Exhibit],
    blobs: Mapping[str, Path],
) -> None:
    """Write a bundle about *subject*; *blobs* are files by digest."""
    index = {
        "format": FORMAT,
        "subject": subject,
        "versions": [
            {
                "name": each.name,
                "definition": dict(each.definition),
                "statement": each.statement,
                "proof": each.proof,
            }
            for each in exhibits
        ],
    }
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        data = canonical(index)
        tar.addfile(_member(INDEX, len(data)), io.BytesIO(data))
        for digest, path in sorted(blobs.items()):
            with path.open("rb") as opened:
                size = path.stat().st_size
                tar.addfile(_member(_FOLDER + _hex(digest), size), opened)


def read_bundle(file: Path) -> Opened:
    """Read a bundle, every byte of it hashed; raise Invalid if it is none.

    Memory is bounded, whatever the file holds.
    """
    kept: dict[str, bytes] = {}
    held: set[str] = set()
    false: set[str] = set()
    index: bytes | None = None
    try:
        with tarfile.open(file, mode="r:") as tar:
            for member in _members(tar):
                actual, data = _read(tar, member)
                if member.name == INDEX:
                    index = data
                    continue
                claimed = PREFIX + member.name.removeprefix(_FOLDER)
                (held if actual == claimed else false).add(claimed)
                if actual == claimed and data is not None:
                    kept[claimed] = data
    except (tarfile.TarError, EOFError):
        raise _unreadable() from None
    subject, exhibits = _index(index)
    return Opened(
        subject=subject,
        exhibits=exhibits,
        kept=kept,
        held=frozenset(held - false),
        false=frozenset(false),
    )


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(tar):
        if count >= _MAX_MEMBERS or not member.isfile():
            raise _unreadable()
        yield member


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, bytes | None]:
    """Return the digest of a member, and its bytes if they are few."""
    opened = tar.extractfile(member)
    if opened is None:
        raise _unreadable()
    running, small = hashlib.sha256(), member.size <= _MAX_KEPT
    pieces: list[bytes] = []
    while piece := opened.read(_PIECE):
        running.update(piece)
        if small:
            pieces.append(piece)
    return PREFIX + running.hexdigest(), b"".join(pieces) if small else None


def _index(data: bytes | None) -> tuple[str, dict[str, Exhibit]]:
    try:
        found = json.loads(data or b"")
        if found["format"] != FORMAT:
            raise ValueError
        exhibits = {
            each["name"]: Exhibit(
                name=str(each["name"]),
                definition=dict(each["definition"]),
                statement=str(each["statement"]),
                proof=str(each["proof"]),
            )
            for each in found["versions"]
        }
        return str(found["subject"]), exhibits
    except (KeyError, TypeError, ValueError, RecursionError):
        raise _unreadable() from None


def _unreadable() -> Invalid:
    return Invalid(
        "this is no bundle of a model version",
        hint="`roadbed model export NAME@N FILE --format bundle` writes one",
    )


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _hex(digest: str) -> str:
    return digest.removeprefix(PREFIX)
