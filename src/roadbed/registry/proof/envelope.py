"""A DSSE envelope: a payload, what it is, and an ECDSA signature over both.

See https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. Pure.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from roadbed.core.digest import canonical
from roadbed.core.errors import Invalid

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`payload` as it was signed by the key called `kid`; `signature` is in DER."""

    payload: bytes
    kid: str
    signature: bytes
    kind: str = IN_TOTO

    def content(self) -> dict[str, Any]:
        """Return it as plain JSON, as DSSE spells it."""
        return {
            "payload": _encode(self.payload),
            "payloadType": self.kind,
            "signatures": [{"keyid": self.kid, "sig": _encode(self.signature)}],
        }

    def data(self) -> bytes:
        """Return the bytes that are kept: canonical JSON."""
        return canonical(self.content())

    @property
    def statement(self) -> dict[str, Any]:
        """Return the payload as JSON; empty if it is none."""
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Say whether the signature is *key*'s, over this payload of this kind."""
        try:
            key.verify(
                self.signature, pae(self.kind, self.payload), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature:
            return False
        return True

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read an envelope without believing it; raise Invalid if it is none."""
        try:
            found = json.loads(data)
            [signature] = found["signatures"]
            return cls(
                payload=_decode(found["payload"]),
                kid=str(signature.get("keyid") or ""),
                signature=_decode(signature["sig"]),
                kind=str(found["payloadType"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise Invalid("this is no DSSE envelope with one signature") from None


def pae(kind: str, payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of DSSE v1."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def to_der(signature: bytes) -> bytes:
    """Return an ES256 signature (R and S, 64 bytes) as DSSE and X.509 spell it."""
    half = len(signature) // 2
    r, s = (int.from_bytes(x) for x in (signature[:half], signature[half:]))
    return utils.encode_dss_signature(r, s)


def public_key(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    """Return the key of a JWK over P-256; raise Invalid if it is none."""
    try:
        x, y = (int.from_bytes(_urlsafe(jwk[name])) for name in ("x", "y"))
        if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
            raise ValueError
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Invalid("this is no public key over P-256") from None


def to_pem(key: ec.EllipticCurvePublicKey) -> str:
    """Return *key* as PEM, as other tools read it."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind).decode()


def from_pem(text: str) -> ec.EllipticCurvePublicKey:
    """Return the key that *text* holds; raise Invalid if it is none over P-256."""
    try:
        key = serialization.load_pem_public_key(text.encode())
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Invalid(
            "this is no public key over P-256",
            hint="`roadbed model export NAME@N --format key` writes the one to give",
        )
    return key


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None


def _urlsafe(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
