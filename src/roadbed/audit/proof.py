"""One entry and its path to a signed checkpoint, in a text that stands alone.

See https://c2sp.org/tlog-proof. The entry itself is the proof's extra data.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Self

from roadbed.audit.checkpoint import Checkpoint, read_checkpoint
from roadbed.audit.merkle import leaf_hash, verify_inclusion
from roadbed.audit.note import Verifier, read_note
from roadbed.core.errors import Invalid

_HEAD = "c2sp.org/tlog-proof@v1"
_TEXT = re.compile(
    rf"{re.escape(_HEAD)}\nextra (?P<extra>[A-Za-z0-9+/]+=*)\n"
    r"index (?P<index>0|[1-9][0-9]{0,17})\n"
    r"(?P<path>(?:[A-Za-z0-9+/]{43}=\n){0,63})\n(?P<note>.+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """The bytes of the entry at `index`, from 0, and its path to the root of `note`."""

    index: int
    data: bytes
    path: tuple[bytes, ...]
    note: str

    @property
    def entry(self) -> dict[str, Any]:
        """The entry as plain JSON; empty if its bytes are none."""
        try:
            value = json.loads(self.data)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def __str__(self) -> str:
        lines = [_HEAD, f"extra {_encode(self.data)}", f"index {self.index}"]
        lines += map(_encode, self.path)
        return "\n".join([*lines, "", self.note])

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a proof without believing it; raise Invalid if it is malformed."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise Invalid(
                "not a proof of an audit entry", hint="`roadbed audit prove` writes one"
            )
        try:
            return cls(
                index=int(match["index"]),
                data=base64.b64decode(match["extra"], validate=True),
                path=tuple(map(base64.b64decode, match["path"].split())),
                note=match["note"],
            )
        except binascii.Error:
            raise Invalid("the proof holds what is no base64") from None

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint without believing it; raise Invalid if it is none."""
        return read_checkpoint(read_note(self.note).text, self.note)

    def findings(self, verifiers: list[Verifier]) -> list[str]:
        """Return what is wrong for who trusts *verifiers*; nothing if it is proven."""
        try:
            note, checkpoint = read_note(self.note), self.checkpoint()
        except Invalid as error:
            return [error.message]
        if not any(
            note.signed_by(key) and key.name == checkpoint.origin for key in verifiers
        ):
            return ["the checkpoint is not signed by this log's key"]
        found, size = [], checkpoint.size
        leaf = leaf_hash(self.data)
        if not verify_inclusion(leaf, self.index, size, self.path, checkpoint.root):
            found.append("the entry is not under the root of the checkpoint")
        if self.entry.get("seq") != self.index + 1:
            found.append("the entry is not of the place that the proof names")
        return found


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
