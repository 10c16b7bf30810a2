"""Signed notes, as C2SP defines them: a text, and Ed25519 signatures below it.

See https://c2sp.org/signed-note. Any C2SP tool can check what this writes.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from roadbed.core.errors import Invalid

_ED25519 = b"\x01"
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs under."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that begin this key's signatures."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def accepts(self, text: str, signature: bytes) -> bool:
        """Say whether *signature* (64 bytes) is this key's signature of *text*."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public)
            key.verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line break, and who says to have signed it.

    `signatures` holds triples of name, key id (4 bytes) and signature.
    """

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def signed_by(self, verifier: Verifier) -> bool:
        """Say whether one of the signatures is *verifier*'s, and true."""
        return any(
            (name, key_id) == (verifier.name, verifier.key_id)
            and verifier.accepts(self.text, signature)
            for name, key_id, signature in self.signatures
        )


def read_verifier(line: str) -> Verifier:
    """Read a public key, `name+id+key`; raise Invalid if it is none of ours."""
    name, _, rest = line.strip().partition("+")
    stated, _, encoded = rest.partition("+")
    key = _decode(encoded)
    if not name or len(key) != 33 or key[:1] != _ED25519:
        raise Invalid(
            f"{line.strip()!r} is not an Ed25519 key of a signed log",
            hint="write the line that stands in the .pub file beside the signing key",
        )
    verifier = Verifier(name, key[1:])
    if verifier.key_id.hex() != stated:
        raise Invalid(f"the key of {name} is damaged: its id does not fit it")
    return verifier


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """Return *text* with the signature of *key*, under *name*, below it."""
    verifier = Verifier(name, key.public_key().public_bytes_raw())
    signature = base64.b64encode(verifier.key_id + key.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {signature}\n"


def read_note(signed: str) -> Note:
    """Read a signed note without believing it; raise Invalid if it is malformed."""
    text, blank, tail = signed.rpartition("\n\n")
    lines = tail.splitlines()
    if not blank or not lines or not signed.endswith("\n"):
        raise Invalid("not a signed note")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _decode(encoded)
    if not line.startswith(_DASH) or not name or len(raw) < 5:
        raise Invalid("not a signed note: a line below the text is no signature")
    return name, raw[:4], raw[4:]


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
