"""What Roadbed asks of a place that keeps private keys and signs with them."""

from collections.abc import Mapping
from typing import Any, Protocol


class Signers(Protocol):
    """Makes ECDSA keys over P-256 and signs with them; no private key ever leaves.

    Blocks, so never on the loop.
    """

    def create(self) -> Mapping[str, Any]:
        """Make a key and return its public half as a JWK, with its `kid`."""
        ...

    def holds(self, kid: str) -> bool:
        """Say whether the key called *kid* can sign here."""
        ...

    def sign(self, kid: str, data: bytes) -> bytes:
        """Return the ES256 signature (RFC 7518: R and S, 64 bytes) over *data*.

        Raises NotFound if there is no such key.
        """
        ...

    def forget(self, kid: str) -> None:
        """Destroy the key called *kid*; nothing happens if there is none."""
        ...
