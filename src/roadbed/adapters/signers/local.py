"""Keys in files of this machine, each readable by its owner only."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc.jwk import ECKey

from roadbed.core.errors import Corrupt, Invalid, NotFound

_KID = re.compile(r"[A-Za-z0-9_-]{43}")


class LocalSigners:
    """The keys in *folder*; a file is called by its key's thumbprint (RFC 7638)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def create(self) -> Mapping[str, Any]:
        """Make a key and return its public half."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = dict(ECKey.import_key(key.public_key()).as_dict(private=False))
        kid = ECKey.import_key(key.public_key()).thumbprint()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file 0600.
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=".new.")
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(self._file(kid))
        return public | {"kid": kid, "alg": "ES256", "use": "sig"}

    def holds(self, kid: str) -> bool:
        """Say whether the key called *kid* is in the folder."""
        return _KID.fullmatch(kid) is not None and self._file(kid).exists()

    def sign(self, kid: str, data: bytes) -> bytes:
        """Return the signature over *data*."""
        if kid not in self._keys:
            self._keys[kid] = self._load(kid)
        signature = self._keys[kid].sign(data, ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def forget(self, kid: str) -> None:
        """Delete the key's file."""
        self._keys.pop(kid, None)
        if _KID.fullmatch(kid):
            self._file(kid).unlink(missing_ok=True)

    def _file(self, kid: str) -> Path:
        return self._folder / f"{kid}.pem"

    def _load(self, kid: str) -> ec.EllipticCurvePrivateKey:
        if not self.holds(kid):
            raise NotFound(f"no key is called {kid[:60]!r} here")
        path = self._file(kid)
        if path.stat().st_mode & 0o077:
            raise Invalid(
                f"the signing key {path.name} is open to other users",
                hint="delete it: a new one is made; if others may have read it, revoke",
            )
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Corrupt(
                f"{path.name} holds no key", hint="delete it: a new one is made"
            )
        return key


signers = LocalSigners
