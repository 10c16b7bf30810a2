"""A checkpoint: a statement of how long the log is and what it contains."""

import base64
import re
from dataclasses import dataclass

from roadbed.core.clock import to_text
from roadbed.core.errors import Invalid

_BODY = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n"
    r"(?P<root>[A-Za-z0-9+/]{43}=)\nat (?P<at>[0-9]{1,18})(?: [^\n]*)?\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The log called *origin* had *size* entries under *root* (32 bytes) at *at_us*.

    `note` is the signed note it stands in; see https://c2sp.org/tlog-checkpoint.
    """

    origin: str
    size: int
    root: bytes
    at_us: int
    note: str = ""

    def body(self) -> str:
        """Return the text that is signed."""
        root = base64.b64encode(self.root).decode()
        at = f"at {self.at_us} {to_text(self.at_us)}"
        return f"{self.origin}\n{self.size}\n{root}\n{at}\n"


def read_checkpoint(text: str, note: str = "") -> Checkpoint:
    """Read the signed text of a checkpoint; raise Invalid if it is none."""
    match = _BODY.fullmatch(text)
    if match is None:
        raise Invalid("not a checkpoint of an audit log")
    return Checkpoint(
        origin=match["origin"],
        size=int(match["size"]),
        root=base64.b64decode(match["root"]),
        at_us=int(match["at"]),
        note=note,
    )
