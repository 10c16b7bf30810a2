"""Members of a ZIP archive, read into memory and never written by their names.

Inspect packs with Zstandard, which the `zipfile` of this Python may not know; DuckDB
does.
"""

import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from roadbed.evals.recorded import Source

ZSTANDARD = 93
MEMBERS = 1_000_000
MOST = 256 * 1024 * 1024
_LOCAL = 30


def members(source: Source, named: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of the members whose whole name matches, one at a time."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            infos = archive.infolist()
            if len(infos) > MEMBERS:
                raise source.wrong(f"it has more than {MEMBERS:,} members")
            for info in infos:
                if named.fullmatch(info.filename):
                    yield info.filename, _read(source, archive, info)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise source.wrong(f"the archive is damaged: {error}") from None


def _read(source: Source, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if max(info.file_size, info.compress_size) > MOST:
        raise source.wrong(f"{info.filename} is larger than 256 MB")
    if info.flag_bits & 1:
        raise source.wrong(f"{info.filename} is encrypted")
    if info.compress_type == ZSTANDARD:
        return _zstandard(source, info)
    try:
        with archive.open(info) as member:
            return member.read(MOST)
    except NotImplementedError:
        told = f"{info.filename} is packed in a way that is not known here"
        raise source.wrong(told, "write the log as JSON") from None


def _zstandard(source: Source, info: zipfile.ZipInfo) -> bytes:
    """Return the one JSON object of a member, unpacked by DuckDB within limits."""
    import duckdb

    with source.path.open("rb") as file:
        file.seek(info.header_offset)
        head = file.read(_LOCAL)
        name, extra = struct.unpack("<HH", head[26:30])
        file.seek(info.header_offset + _LOCAL + name + extra)
        data = file.read(info.compress_size)
    with tempfile.TemporaryDirectory(prefix="roadbed-import-") as folder:
        packed = Path(folder, "member.json.zst")
        packed.write_bytes(data)
        words = (
            "select json from read_json_objects(?, compression='zstd', "
            "format='unstructured', maximum_object_size=?)"
        )
        with duckdb.connect(config={"memory_limit": "2GB", "threads": 1}) as engine:
            try:
                rows = engine.execute(words, [str(packed), MOST]).fetchmany(2)
            except duckdb.Error as error:
                told = str(error).splitlines()[0][:200].replace(folder, "")
                raise source.wrong(f"{info.filename}: {told}") from None
    if len(rows) != 1:
        raise source.wrong(f"{info.filename} is not one JSON object")
    return str(rows[0][0]).encode()
