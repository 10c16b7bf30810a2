"""skops: a zip with a schema of what scikit-learn's objects are made of.

Loading one builds the types that it names; so only what this line exported is taken.
"""

import json
import zipfile
from typing import IO

from roadbed.core.errors import Invalid

RUNS_CODE = True
SCHEMA = "schema.json"
_MAX_SCHEMA = 64 * 1024 * 1024
_MAX_MEMBERS = 20_000
_ARRAYS = (".npy", ".npz")


def matches(head: bytes) -> bool:
    """Say whether *head* begins a zip; what is in it, `check` sees."""
    return head.startswith(b"PK\x03\x04")


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless the zip holds a schema and arrays, and nothing else."""
    try:
        with zipfile.ZipFile(file) as opened:
            names = opened.infolist()
            if len(names) > _MAX_MEMBERS:
                raise _invalid("it has too many members")
            odd = [n.filename for n in names if not _usual(n.filename)]
            if odd:
                raise _invalid(f"{odd[0][:80]!r} has no place in it")
            with opened.open(SCHEMA) as schema:
                text = schema.read(_MAX_SCHEMA + 1)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError, EOFError):
        raise _invalid("its zip cannot be read") from None
    except (RuntimeError, ValueError, zipfile.zlib.error):  # pyright: ignore[reportAttributeAccessIssue]
        raise _invalid("its zip cannot be read") from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("its schema is no JSON") from None
    if not isinstance(found, dict) or "_skops_version" not in found:
        raise _invalid("its schema is of something else")


def _usual(name: str) -> bool:
    return name == SCHEMA or name.endswith(_ARRAYS)


def _invalid(why: str) -> Invalid:
    return Invalid(f"this is no skops file: {why}")
