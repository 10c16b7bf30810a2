"""A log in one file: a tar that holds a tree of tiles as C2SP lays it out.

`checkpoint`, `tile/<level>/<number>` and `tile/entries/<number>` are those of
https://c2sp.org/tlog-tiles. Beside them stand `checkpoints/`, every note that was
found and where; `log.json`, the unsigned row of the tree; and `key.pub`, which is
there to be looked at and never believed.
"""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from roadbed.audit.bundle import Bundle, Leaf, Note
from roadbed.audit.checkpoint import read_checkpoint
from roadbed.audit.merkle import leaf_hash
from roadbed.audit.note import read_note
from roadbed.audit.tiles import (
    ENTRIES,
    HASH_BYTES,
    HEIGHT,
    WIDTH,
    Pyramid,
    Tile,
    hashes_in,
    path_of,
)
from roadbed.core.errors import Corrupt, Invalid, NotFound

FORMAT = "roadbed-audit-bundle/2"
_NO_HASH = bytes(HASH_BYTES)
_MAX_FILE = WIDTH * (2 + 65_535)
_GAP = 1_000_000


def write_tar(file: IO[bytes], bundle: Bundle, public_key: str) -> None:
    """Write *bundle* to *file*, a bundle of entries at a time.

    What was tampered with is written as it stands: an entry that is missing has no
    bytes, and no hash.
    """
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        log = {"format": FORMAT, "tree": bundle.tree, "size": bundle.size}
        _add(tar, "log.json", json.dumps(log, sort_keys=True).encode() + b"\n")
        _add(tar, "key.pub", public_key.encode() + b"\n")
        notes = [note for source, note in bundle.notes if source == "database"]
        if notes:
            _add(tar, "checkpoint", notes[-1].encode())
        _add_notes(tar, bundle.notes)
        _Tiles(tar).write(bundle, _size_in(notes[-1] if notes else ""))


class _Tiles:
    """Writes tiles and bundles of entries while the leaves pass by."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._pyramid = Pyramid()
        self._entries: list[bytes] = []
        self._size = 0

    def write(self, bundle: Bundle, signed: int) -> None:
        """Write everything; the right edge also as it was when *signed* were."""
        for leaf in bundle.leaves:
            self._fill_gap(leaf)
            if self._size == signed:
                self._edge()
            self._add(leaf.data or b"?", leaf.stored or _NO_HASH)
        self._edge()

    def _edge(self) -> None:
        if self._entries:
            self._flush()
        for tile in self._pyramid.partial():
            _add(self._tar, tile.path, tile.data)

    def _fill_gap(self, leaf: Leaf) -> None:
        if not 0 < leaf.seq - self._size <= _GAP:
            return
        while self._size + 1 < leaf.seq:
            self._add(b"", _NO_HASH)

    def _add(self, data: bytes, stored: bytes) -> None:
        self._size += 1
        self._entries.append(data)
        for tile in self._pyramid.add(stored):
            _add(self._tar, tile.path, tile.data)
        if len(self._entries) == WIDTH:
            self._flush()
            self._entries = []

    def _flush(self) -> None:
        number = (self._size - 1) >> HEIGHT
        name = path_of(ENTRIES, number, len(self._entries))
        _add(self._tar, name, pack(self._entries))


def pack(entries: list[bytes]) -> bytes:
    """Return a bundle of *entries*, each with its length before it."""
    return b"".join(len(data).to_bytes(2, "big") + data for data in entries)


def unpack(data: bytes) -> list[bytes]:
    """Return the entries of a bundle; raise Corrupt if it is cut off."""
    entries, at = [], 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise Corrupt("a bundle of entries is cut off")
        entries.append(data[start:at])
    return entries


@contextmanager
def opened_tar(path: Path) -> Iterator[Bundle]:
    """Open what `write_tar` wrote; only one bundle of entries is held at a time.

    Raises NotFound, or Corrupt if it is no such file.
    """
    if not path.is_file():
        raise NotFound(f"there is no audit bundle at {path}")
    try:
        with tarfile.open(path, "r:") as tar:
            yield _Reader(tar, path).bundle()
    except tarfile.TarError as error:
        raise Corrupt(
            f"{path} is no audit bundle, or is cut off: {error}",
            hint="`roadbed audit export` writes one",
        ) from None


class _Reader:
    def __init__(self, tar: tarfile.TarFile, path: Path) -> None:
        self._tar = tar
        self._path = path
        self._problems: list[str] = []
        self._hashes: dict[int, tuple[bytes, ...]] = {}
        members = tar.getmembers()
        twice = [name for name, n in Counter(m.name for m in members).items() if n > 1]
        if twice:
            raise Corrupt(f"{path} has two files called {twice[0]}")
        self._members = {member.name: member for member in members if member.isreg()}

    def bundle(self) -> Bundle:
        """Return the bundle, whose leaves are read when they are wanted."""
        try:
            log = json.loads(self._read("log.json") or b"{}")
        except ValueError:
            log = {}
        if not isinstance(log, dict) or log.get("format") != FORMAT:
            raise Corrupt(
                f"{self._path} is no audit bundle",
                hint=f"its log.json says {FORMAT}",
            )
        tree, size = log.get("tree"), log.get("size")
        return Bundle(
            leaves=self._leaves(),
            notes=tuple(self._notes()),
            tree=tree if isinstance(tree, dict) else None,
            tile=self._compare,
            problems=self._problems,
            size=size if isinstance(size, int) else 0,
        )

    def _notes(self) -> Iterator[Note]:
        newest = self._read("checkpoint")
        if newest is None:
            self._problems.append("the bundle has no checkpoint")
        names = [name for name in self._members if name.startswith("checkpoints/")]
        for name in sorted(names):
            note = self._read(name) or b""
            yield name.split("/")[1], note.decode("utf-8", "replace")
        if newest is not None:
            yield "bundle", newest.decode("utf-8", "replace")

    def _leaves(self) -> Iterator[Leaf]:
        for number in self._bundles():
            try:
                entries = unpack(self._widest(ENTRIES, number) or b"")
            except Corrupt:
                name = path_of(ENTRIES, number)
                self._problems.append(f"{name} is cut off or was edited")
                continue
            for place, data in enumerate(entries, number * WIDTH + 1):
                if data:
                    yield self._leaf(place, data)

    def _leaf(self, place: int, data: bytes) -> Leaf:
        """Return the entry in *data*, at the place that it names if that is true."""
        own, computed = _seq_in(data) or place, leaf_hash(data)
        if own != place and self._stored(own) == computed:
            return Leaf(own, data, computed)
        stored = self._stored(place)
        if own != place and stored == computed:
            self._problems.append(f"entry {own} stands where entry {place} belongs")
        return Leaf(place, data, stored if self._has_tile(place) else computed)

    def _stored(self, seq: int) -> bytes | None:
        number, at = divmod(seq - 1, WIDTH)
        if number not in self._hashes:
            data = self._widest(0, number)
            if len(self._hashes) > 1:
                self._hashes.clear()
            self._hashes[number] = hashes_in(data) if data else ()
        hashes = self._hashes[number]
        return hashes[at] if at < len(hashes) else None

    def _has_tile(self, seq: int) -> bool:
        number = (seq - 1) >> HEIGHT
        if self._hashes.get(number):
            return True
        problem = f"{path_of(0, number)} is missing"
        if problem not in self._problems:
            self._problems.append(problem)
        return False

    def _compare(self, tile: Tile) -> str:
        if tile.level == 0:
            return ""
        data = self._read(tile.path)
        if data is None:
            return f"{tile.path} is missing"
        return "" if data == tile.data else f"{tile.path} is not what the entries make"

    def _bundles(self) -> list[int]:
        """Return the numbers of the bundles of entries, in order."""
        prefix = f"tile/{ENTRIES}/"
        found = (name for name in self._members if name.startswith(prefix))
        return sorted({_number_in(name.removeprefix(prefix)) for name in found})

    def _widest(self, level: int | str, number: int) -> bytes | None:
        """Return a tile, full or as wide as there is."""
        full = path_of(level, number)
        if full in self._members:
            return self._read(full)
        widths = range(WIDTH - 1, 0, -1)
        names = (f"{full}.p/{width}" for width in widths)
        name = next((name for name in names if name in self._members), None)
        return self._read(name) if name else None

    def _read(self, name: str) -> bytes | None:
        member = self._members.get(name)
        if member is None:
            return None
        if member.size > _MAX_FILE:
            raise Corrupt(f"{self._path} has a file of {member.size} bytes: {name}")
        file = self._tar.extractfile(member)
        return file.read() if file else None


def _size_in(note: str) -> int:
    try:
        return read_checkpoint(read_note(note).text).size
    except Invalid:
        return 0


def _number_in(name: str) -> int:
    digits = name.partition(".p/")[0].replace("/", "").replace("x", "")
    if not digits.isdecimal() or len(digits) > 18:
        raise Corrupt(f"the bundle has a file with a strange name: {name[:60]!r}")
    return int(digits)


def _seq_in(data: bytes) -> int:
    try:
        value = json.loads(data)
    except ValueError:
        return 0
    seq = value.get("seq") if isinstance(value, dict) else None
    return seq if type(seq) is int and seq > 0 else 0


def _add_notes(tar: tarfile.TarFile, notes: tuple[Note, ...]) -> None:
    counts: Counter[str] = Counter()
    for source, note in notes:
        counts[source] += 1
        _add(tar, f"checkpoints/{source}/{counts[source]:09d}", note.encode())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member: Any = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))
