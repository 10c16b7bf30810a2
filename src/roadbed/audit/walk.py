"""A walk along the entries that says where the log is not what was signed."""

from dataclasses import dataclass, field

from roadbed.audit.bundle import Bundle
from roadbed.audit.checkpoint import Checkpoint
from roadbed.audit.entry import Recorded
from roadbed.audit.merkle import EMPTY, Frontier
from roadbed.audit.rows import nodes_of
from roadbed.core.clock import to_text


@dataclass
class Walk:
    """A walk along the entries, comparing with each checkpoint on the way.

    Two trees grow: `stored` from the hashes in the rows, `computed` from what the
    rows say. An entry that was edited, or a hash that was, spoils only one of
    them, so everything else is still proven and only that entry is blamed.
    """

    checkpoints: dict[int, list[Checkpoint]]
    size: int = 0
    matched: int = 0
    whole: bool = True
    stored: Frontier = EMPTY
    computed: Frontier = EMPTY
    contradicted: Checkpoint | None = None
    findings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._compare()

    def see(self, entry: Recorded) -> None:
        """Take the next entry into account."""
        expected = self.size + 1
        if entry.seq != expected:
            self.whole = False
            self.findings.append(_out_of_place(expected, entry.seq))
        self.size = max(expected, entry.seq) if _is_number(entry.seq) else expected
        computed, stored = entry.computed(), _from_hex(entry.leaf)
        if computed is None or computed != stored:
            self.findings.append(f"entry {entry.seq} was edited")
        if self.whole:
            self.stored = self.stored.append(stored or computed or b"")
            self.computed = self.computed.append(computed or stored or b"")
            self._compare()

    def ending(self, bundle: Bundle, newest: Checkpoint | None) -> list[str]:
        """Return what is wrong with how the log ends."""
        if newest is None:
            return [f"no checkpoint vouches for the {self.size} entries"]
        if newest.size > self.size:
            return [
                f"the log has {self.size} entries, but a checkpoint of "
                f"{to_text(newest.at_us)} was signed over {newest.size}: "
                f"{_range(self.size + 1, newest.size)} missing"
            ]
        return self._against_tree(bundle.tree) if self.whole else []

    def remarks(self, newest: Checkpoint | None) -> list[str]:
        """Say which entries no checkpoint covers yet."""
        if newest is None or self.size <= newest.size:
            return []
        return [f"{_range(newest.size + 1, self.size)} newer than the last checkpoint"]

    def _compare(self) -> None:
        """Compare the trees with every checkpoint that was signed over this size."""
        here = self.checkpoints.get(self.size, [])
        roots = {self.stored.root(), self.computed.root()}
        false = [c for c in here if c.root not in roots]
        true = [c for c in here if c.root in roots]
        if true and (false or self.contradicted):
            other = self.contradicted or false[0]
            self.findings.append(_forked(other, true[0]))
        elif len({c.root for c in false}) > 1:
            self.findings.append(_forked(false[0], false[-1]))
        if false and not true and self.contradicted is None:
            self.findings.append(self._not_signed(false[0]))
        self.contradicted = self.contradicted or (false[0] if false else None)
        self.matched = self.size if true else self.matched

    def _not_signed(self, checkpoint: Checkpoint) -> str:
        first, last = self.matched + 1, self.size
        which = _range(first, last)
        return (
            f"{which} not what was signed: the checkpoint of "
            f"{to_text(checkpoint.at_us)} over {last} entries has another root"
        )

    def _against_tree(self, tree: dict[str, object] | None) -> list[str]:
        """Return what the unsigned tree row contradicts, behind the last checkpoint."""
        size = tree.get("size") if tree else None
        nodes = (nodes_of(self.stored), nodes_of(self.computed))
        if tree is None or not isinstance(size, int):
            return ["the row with the log's tree is missing or damaged"]
        if size > self.size:
            return [f"{_range(self.size + 1, size)} missing: the tree counts {size}"]
        if size < self.size:
            return [
                f"{_range(size + 1, self.size)} not in the tree: nobody logged that"
            ]
        if tree.get("nodes") not in nodes and self.contradicted is None:
            return [f"the tree after entry {self.matched} is not that of the entries"]
        return []


def _forked(one: Checkpoint, other: Checkpoint) -> str:
    return (
        f"the log was forked: the checkpoint of {to_text(one.at_us)} over {one.size} "
        f"entries and that of {to_text(other.at_us)} over {other.size} contradict "
        "each other, and both are truly signed"
    )


def _out_of_place(expected: int, seq: int) -> str:
    if _is_number(seq) and seq > expected:
        return f"{_range(expected, seq - 1)} missing"
    return f"entry {seq} stands where entry {expected} belongs"


def _range(first: int, last: int) -> str:
    """Return `entry 7 is`, or `entries 7-9 are`, with an en dash."""
    if first >= last:
        return f"entry {last} is"
    return f"entries {first}\N{EN DASH}{last} are"


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _from_hex(text: object) -> bytes | None:
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return raw if len(raw) == 32 and raw.hex() == text else None
