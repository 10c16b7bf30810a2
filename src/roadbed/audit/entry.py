"""What the log keeps: who did what to which resource, and how it ended."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from roadbed.audit.merkle import leaf_hash
from roadbed.core.digest import canonical, digest
from roadbed.core.errors import Invalid

Outcome = Literal["done", "denied"]
MAX_TEXT = 512
MAX_DETAIL_BYTES = 58_000
"""An entry has at most 65,535 bytes, as C2SP's bundles count them in 16 bits: this
much detail, three texts of at most 512 characters, and what stands between them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, or one denial.

    `actor` is a principal as text (`service-account:ci`), `resource` a kind and a
    name (`Key/1f2e`), `detail` plain JSON.
    """

    actor: str
    action: str
    resource: str
    outcome: Outcome = "done"
    detail: dict[str, Any] = field(default_factory=dict, hash=False)

    def cleaned(self) -> Self:
        """Return the entry as it may be written.

        A denial holds words that a stranger chose, so texts are cut at 512
        characters and lose what no terminal should print and no database keeps; of
        a detail that is too long, only the digest stays. Raises Invalid if `detail`
        is no JSON, or is too long and tells of a change.
        """
        return replace(
            self,
            actor=_printable(self.actor),
            action=_printable(self.action),
            resource=_printable(self.resource),
            detail=_bounded(_well_formed(self.detail), self.outcome),
        )

    def hash_at(self, seq: int, at_us: int) -> bytes:
        """Return the leaf hash of this entry at place *seq*, written at *at_us*."""
        return leaf_hash(self.data_at(seq, at_us))

    def data_at(self, seq: int, at_us: int) -> bytes:
        """Return the leaf of this entry at place *seq*, written at *at_us*.

        Canonical JSON of everything that the entry says.
        """
        return self.spelled(seq, at_us, canonical(self.detail).decode())

    def spelled(self, seq: int, at_us: int, detail: str) -> bytes:
        """Return the leaf around a *detail* that is spelled already."""
        action, actor, outcome, resource = (
            _quoted(self.action),
            _quoted(self.actor),
            _quoted(self.outcome),
            _quoted(self.resource),
        )
        return (
            f'{{"action":{action},"actor":{actor},"at":{at_us:d},"detail":{detail},'
            f'"outcome":{outcome},"resource":{resource},"seq":{seq:d}}}'
        ).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Entry):
    """An entry in its place in the log, as its row holds it.

    `seq` counts from 1 without a gap; `at_us` is UTC microseconds; `leaf`
    is the leaf hash in hex, and `stored_detail` the detail as the row spells it.
    """

    seq: int
    at_us: int
    leaf: str
    stored_detail: str

    def computed(self) -> bytes | None:
        """Return the leaf hash of what the row says now; None if no entry says that."""
        data = self.data()
        return None if data is None else leaf_hash(data)

    def data(self) -> bytes | None:
        """Return the leaf that the row says now; None if no entry says that.

        The detail is taken as the row spells it, so that no byte of it goes unseen.
        """
        try:
            return self.spelled(self.seq, self.at_us, self.stored_detail)
        except (TypeError, ValueError):
            return None


def _bounded(detail: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    data = canonical(detail)
    if len(data) <= MAX_DETAIL_BYTES:
        return detail
    if outcome == "denied":
        return {"cut": digest(data), "bytes": len(data)}
    raise Invalid(
        f"the detail of an audit entry has {len(data):,} bytes, and "
        f"{MAX_DETAIL_BYTES:,} are the most",
        hint="make the change in several steps",
    )


def _quoted(text: str) -> str:
    # What RFC 8785 says of texts is what this does.
    return json.dumps(text, ensure_ascii=False)


def _printable(text: str) -> str:
    plain = _encodable(text)[:MAX_TEXT]
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in plain)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _well_formed(value: Any) -> Any:
    """Return *value* with every text in it made fit for UTF-8."""
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, dict):
        return {_well_formed(k): _well_formed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value
