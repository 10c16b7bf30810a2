"""A walk along the entries that says where the log is not what was signed."""

from dataclasses import dataclass, field

from roadbed.audit.bundle import Bundle, Leaf
from roadbed.audit.checkpoint import Checkpoint
from roadbed.audit.merkle import EMPTY, Frontier, leaf_hash
from roadbed.audit.rows import nodes_of
from roadbed.core.clock import to_text

_NO_HASH = bytes(32)


@dataclass
class Walk:
    """A walk along the leaves, comparing with each checkpoint on the way.

    Two trees grow: `stored` from the hashes that are kept, `computed` from what the
    entries say. An entry that was edited, or a hash that was, spoils only one of
    them; the next checkpoint tells which, and from there on both are the true one.
    """

    checkpoints: dict[int, list[Checkpoint]]
    size: int = 0
    matched: int = 0
    whole: bool = True
    stored: Frontier = EMPTY
    computed: Frontier = EMPTY
    contradicted: Checkpoint | None = None
    findings: list[str] = field(default_factory=list)
    _doubtful: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._compare()

    def see(self, leaf: Leaf) -> bytes:
        """Take the next leaf into account; return the hash that it has."""
        expected = self.size + 1
        if leaf.seq != expected:
            self.whole = False
            self.findings.append(_out_of_place(expected, leaf.seq))
        self.size = max(expected, leaf.seq)
        computed = None if leaf.data is None else leaf_hash(leaf.data)
        if computed is None or computed != leaf.stored:
            self._doubtful.append(leaf.seq)
        true = computed or leaf.stored or b""
        if self.whole:
            self._grow(leaf.stored or _NO_HASH, true)
        return true

    def ending(
        self, bundle: Bundle, newest: Checkpoint | None, source: str
    ) -> list[str]:
        """Return what is wrong with how the log ends.

        *source* is where the *newest* checkpoint was found first.
        """
        self._blame("entry {} was edited")
        if newest is None:
            return [f"no checkpoint vouches for the {self.size} entries"]
        if newest.size > self.size:
            return [_cut(self.size, newest) + self._unknown(bundle.tree, source)]
        return self._against_tree(bundle.tree) if self.whole else []

    def remarks(self, newest: Checkpoint | None) -> list[str]:
        """Say which entries no checkpoint covers yet."""
        if newest is None or self.size <= newest.size:
            return []
        return [f"{_range(newest.size + 1, self.size)} newer than the last checkpoint"]

    def _grow(self, stored: bytes, computed: bytes) -> None:
        same = stored == computed and self.stored is self.computed
        self.stored = self.stored.append(stored)
        self.computed = self.stored if same else self.computed.append(computed)
        self._compare()

    def _compare(self) -> None:
        """Compare the trees with every checkpoint that was signed over this size."""
        here = self.checkpoints.get(self.size, [])
        if not here:
            return
        roots = {self.stored.root(), self.computed.root()}
        false = [c for c in here if c.root not in roots]
        true = [c for c in here if c.root in roots]
        if true:
            self._settle({c.root for c in true})
        if true and (false or self.contradicted):
            other = self.contradicted or false[0]
            self.findings.append(_forked(other, true[0]))
        elif len({c.root for c in false}) > 1:
            self.findings.append(_forked(false[0], false[-1]))
        if false and not true and self.contradicted is None:
            self._blame("entry {} was edited")
            self.findings.append(self._not_signed(false[0]))
        self.contradicted = self.contradicted or (false[0] if false else None)
        self.matched = self.size if true else self.matched

    def _settle(self, roots: set[bytes]) -> None:
        """Go on with the tree that was signed, and say which of the two was edited."""
        if self.stored.root() in roots:
            self._blame("entry {} was edited")
            self.computed = self.stored
        else:
            self._blame("the hash that is kept of entry {} was edited")
            self.stored = self.computed

    def _blame(self, finding: str) -> None:
        self.findings += [finding.format(seq) for seq in self._doubtful]
        self._doubtful = []

    def _unknown(self, tree: dict[str, object] | None, source: str) -> str:
        """Say so if the database has no trace of what is missing."""
        if (
            source in ("database", "bundle")
            or not tree
            or tree.get("size") != self.size
        ):
            return ""
        return (
            "; the database knows nothing of them: an old backup was restored, or its "
            "end was removed with the checkpoints"
        )

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
    if seq > expected:
        return f"{_range(expected, seq - 1)} missing"
    return f"entry {seq} stands where entry {expected} belongs"


def _range(first: int, last: int) -> str:
    """Return `entry 7 is`, or `entries 7-9 are`, with an en dash."""
    if first >= last:
        return f"entry {last} is"
    return f"entries {first}\N{EN DASH}{last} are"


def _cut(size: int, newest: Checkpoint) -> str:
    signed = f"a checkpoint of {to_text(newest.at_us)} was signed over {newest.size}"
    missing = _range(size + 1, newest.size)
    if not size:
        return f"the log was dropped: it has no entries, but {signed}"
    return f"the log has {size} entries, but {signed}: {missing} missing"
