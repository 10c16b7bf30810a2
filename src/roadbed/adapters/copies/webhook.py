"""Copies of checkpoints sent to an address, such as that of an auditor's mailbox."""

from roadbed.core.errors import Unavailable
from roadbed.ports.web import Web

_HEADERS = {"content-type": "text/plain; charset=utf-8"}


class WebhookCopies:
    """Posts each note; whoever is there keeps it, and cannot be asked for it again."""

    def __init__(self, web: Web, url: str, name: str = "webhook") -> None:
        self.name = name
        self._web = web
        self._url = url

    def put(self, size: int, note: str) -> None:
        """Post *note*; see the port. The same one may arrive more than once."""
        reply = self._web.post(self._url, note.encode(), _HEADERS)
        if not 200 <= reply.status < 300:
            raise Unavailable(
                f"the webhook answered {reply.status} to a checkpoint over {size} "
                "entries",
                hint="it answers 2xx once it has kept what was posted",
            )

    def notes(self) -> None:
        """Return None: a webhook cannot be read."""

    def newest(self) -> None:
        """Return None, for the same reason."""
