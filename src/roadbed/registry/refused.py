"""Files that run code when they are loaded, told by their bytes whatever their name.

Memory is bounded: of whatever is packed, only the beginning is unpacked.
"""

import bz2
import lzma
import pickletools
import warnings
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import IO

HEAD = 64 * 1024
_MAX_MEMBERS = 20_000
_MAX_DEPTH = 4
_ACTS = frozenset(
    {"BUILD", "GLOBAL", "INST", "NEWOBJ", "NEWOBJ_EX", "OBJ", "REDUCE", "STACK_GLOBAL"}
)
_NUMPY = b"\x93NUMPY"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_TAR_AT, _TAR = 257, b"ustar"


def reason(file: IO[bytes], depth: int = 0) -> str:
    """Say why the file must not be loaded, empty if nothing speaks against it."""
    file.seek(0)
    head = file.read(HEAD)
    if found := _plain(head):
        return found
    if head.startswith(b"PK") or zipfile.is_zipfile(file):
        return _in_zip(file, depth)
    for magic, unpack in _PACKED:
        if head.startswith(magic) and depth < _MAX_DEPTH:
            inner = reason(BytesIO(unpack(head)), depth + 1)
            return f"it is packed, and inside {inner}" if inner else ""
    return ""


def _plain(head: bytes) -> str:
    if is_pickle(head):
        return "it is a pickle, which runs code when it is loaded"
    if head.startswith(_NUMPY) and b"'O'" in _numpy_header(head):
        return "it is an array of objects, which is a pickle inside"
    if head.startswith(_HDF5):
        return "it is an HDF5 file, which may hold code (a Lambda layer)"
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "it is an archive (tar), as old versions of PyTorch write them"
    if head.startswith(b"\x04\x22\x4d\x18"):
        return "it is packed with LZ4, as joblib packs pickles"
    return ""


def is_pickle(head: bytes) -> bool:
    """Say whether *head* begins a pickle, of any protocol.

    It begins with the mark of protocols 2 to 5, or is a sequence of a pickle's
    instructions that makes or calls something, or that ends where it should.
    """
    if head[:1] == b"\x80" and len(head) > 1:
        return head[1] <= 5 and _runs(head) != "no"
    return _runs(head) == "yes"


def _runs(head: bytes) -> str:
    """Return `yes` for a pickle, `no` for what is none, `maybe` for a beginning."""
    count = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for operation, _, _ in pickletools.genops(head):
                count += 1
                if operation.name == "GLOBAL":
                    return "yes"
                if operation.name in _ACTS or operation.name == "STOP":
                    return "yes" if count > 1 else "no"
    except (ValueError, IndexError, OverflowError, UnicodeError, MemoryError):
        return "maybe" if count > 1 and len(head) == HEAD else "no"
    return "maybe"


def _in_zip(file: IO[bytes], depth: int) -> str:
    """Say which member of a zip must not be loaded; unpack only beginnings."""
    try:
        with zipfile.ZipFile(file) as opened:
            members = opened.infolist()
            if len(members) > _MAX_MEMBERS:
                return "it is a zip with too many members"
            for member in members:
                with opened.open(member) as inner:
                    head = inner.read(HEAD)
                if depth >= _MAX_DEPTH:
                    return "it is packed too often to be looked into"
                if found := reason(BytesIO(head), depth + 1):
                    return f"of {member.filename[:80]!r} in it: {found}"
    except _UNREADABLE:
        return "it is a zip that cannot be read"
    return ""


def _numpy_header(head: bytes) -> bytes:
    return head[:4096].partition(b"}")[0].replace(b'"', b"'").replace(b"|O", b"O")


def _zlib(wbits: int) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        try:
            return zlib.decompressobj(wbits).decompress(data, HEAD)
        except zlib.error:
            return b""

    return unpack


def _bz2(data: bytes) -> bytes:
    try:
        return bz2.BZ2Decompressor().decompress(data, HEAD)
    except (OSError, ValueError):
        return b""


def _lzma(data: bytes) -> bytes:
    try:
        limit = 64 * 1024 * 1024
        return lzma.LZMADecompressor(memlimit=limit).decompress(data, HEAD)
    except (lzma.LZMAError, ValueError, MemoryError):
        return b""


_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
_PACKED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", _zlib(31)),
    (b"\x78", _zlib(15)),
    (b"BZh", _bz2),
    (b"\xfd7zXZ\x00", _lzma),
    (b"\x5d\x00\x00", _lzma),
)
