"""What Roadbed asks of the web: one document from an address that others chose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class WebReply:
    """What came back: a status, headers by their names in small letters, a body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Web(Protocol):
    """Fetches from addresses that people configure or send.

    Blocks, so never on the loop. Follows no redirect. An implementation refuses
    addresses inside the network it runs in.
    """

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> WebReply:
        """Return what is at *url*.

        Raises Invalid if the address may not be asked, Unavailable or TimedOut if
        nobody answers.
        """
        ...

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> WebReply:
        """Send *body* to *url* and return the answer; raises as `get` does."""
        ...
