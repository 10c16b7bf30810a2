"""The key that signs checkpoints: made once, kept in one file, never printed."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadbed.audit.note import Verifier, sign
from roadbed.core.errors import Corrupt, Invalid
from roadbed.core.weak import is_example


class Signer:
    """An Ed25519 key and the origin it signs for.

    The origin is made from the public key, so two logs never share one.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.origin = f"roadbed/audit/{hashlib.sha256(public).hexdigest()[:16]}"
        self._verifier = Verifier(self.origin, public)

    def __repr__(self) -> str:
        return f"Signer({self.origin})"

    @property
    def public_key(self) -> str:
        """The public key as one line, `origin+id+key`: what an auditor holds."""
        return str(self._verifier)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Return the signer whose key is at *path*, making one if there is none.

        The file is readable by its owner only; `path.pub` beside it holds the
        public key. Processes that start together agree on one key. Raises Corrupt
        if the file holds no key, Invalid if others may read it.
        """
        if not path.exists():
            _create(path)
        signer = cls(_load(path))
        public = path.with_name(path.name + ".pub")
        if not public.exists():
            public.write_text(signer.public_key + "\n")
        return signer

    def sign(self, text: str) -> str:
        """Return *text* as a signed note."""
        return sign(text, self.origin, self._key)


def _create(path: Path) -> None:
    """Write a new key to *path*, whole, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # mkstemp makes the file 0600; a link, unlike a rename, never replaces a key.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _load(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise Invalid(
            f"the signing key {path} is open to other users",
            hint=f"run `chmod 600 {path}`; if others may have read it, replace it",
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Corrupt(
            f"{path} holds no Ed25519 key",
            hint="restore it from a backup; a new key begins a new signature history",
        )
    if is_example(key.private_bytes_raw()):
        raise Invalid(
            f"{path} holds a key that everybody knows",
            hint="remove it, and a new one is made; nothing it signed proves anything",
        )
    return key
