"""The server's own log: lines for people, or a JSON object a line for machines.

What looks like a secret, or like somebody's address, is masked in either.
"""

import json
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from roadbed.control.masks import mask

Form = Literal["text", "json"]
CALL: ContextVar[str] = ContextVar("roadbed_call", default="")
"""The id of the call that is being answered, for whatever is logged meanwhile."""


def set_up(form: Form, stream: TextIO | None = None) -> None:
    """Write what all loggers say from now on to *stream*, standard error if None."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    root = logging.getLogger()
    for other in [h for h in root.handlers if isinstance(h.formatter, Lines)]:
        root.removeHandler(other)
    root.addHandler(handler)
    logging.getLogger("roadbed").setLevel(logging.INFO)


def announcer() -> Callable[[str], None]:
    """Return what logs the announcements of a server, where all is to be one log."""
    return logging.getLogger("roadbed.server").info


class Lines(logging.Formatter):
    """Writes a record as text, without secrets."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of *record*."""
        return mask(super().format(record))


class JsonLines(Lines):
    """Writes a record as one JSON object on one line, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        moment = datetime.fromtimestamp(record.created, UTC)
        shown = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        if call := CALL.get():
            shown["call"] = call
        if record.exc_info and record.exc_info[0] is not None:
            shown["error"] = record.exc_info[0].__name__
            shown["trace"] = mask(self.formatException(record.exc_info))
        return json.dumps(_whole(shown))


def _whole(shown: dict[str, str]) -> dict[str, str]:
    """Replace every half character: a line is proper UTF-8 whatever was logged."""
    return {k: v.encode("utf-8", "replace").decode() for k, v in shown.items()}
