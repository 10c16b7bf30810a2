"""The OpenSSF model signature (OMS): what its official verifier takes. Pure.

An in-toto statement that names each file with its SHA-256, in a DSSE envelope, in a
Sigstore bundle. See https://github.com/ossf/model-signing-spec.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from roadbed.registry.proof.envelope import Envelope, to_pem
from roadbed.registry.proof.parts import Part
from roadbed.registry.proof.statement import STATEMENT

PREDICATE = "https://model_signing/signature/v1.0"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def manifest_of(name: str, files: Sequence[Part]) -> dict[str, Any]:
    """Return the statement that the *files* of the folder called *name* are these.

    Its one subject is the SHA-256 over the digests of all files, in the order of
    their paths.
    """
    ordered = sorted((file.name, _hex(file.digest)) for file in files)
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in ordered))
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": digest}
                for path, digest in ordered
            ],
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
        },
    }


def bundle_of(signed: Envelope, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """Return *signed*, which *key* verifies, as a Sigstore bundle."""
    hint = hashlib.sha256(to_pem(key).encode()).hexdigest()
    return {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": signed.content(),
    }


def _hex(digest: str) -> str:
    return digest.partition(":")[2]
