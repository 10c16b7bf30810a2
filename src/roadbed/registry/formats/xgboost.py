"""XGBoost: a booster as JSON or as universal binary JSON."""

import json
from typing import IO

from roadbed.core.errors import Invalid

RUNS_CODE = False
_UBJ = b"{L"
_HEAD = 4096
_MAX_JSON = 256 * 1024 * 1024


def matches(head: bytes) -> bool:
    """Say whether *head* begins an object that names a learner or a version."""
    start = head[:_HEAD].lstrip()
    if not start.startswith(b"{"):
        return False
    return b"learner" in start or b'"version"' in start


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless there is a learner in it, to the last byte."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(max(0, size - 1))
    if file.read(1) != b"}" and not head.startswith(b"{\n"):
        raise Invalid("this is no whole XGBoost model: it does not end")
    if head.startswith(_UBJ):
        if b"learner" not in head:
            raise Invalid("this is no XGBoost model: it has no learner")
        return
    _check_json(file, size)


def _check_json(file: IO[bytes], size: int) -> None:
    if size > _MAX_JSON:
        raise Invalid(
            "this model is too large to be read as JSON",
            hint="save it as .ubj, which is smaller too",
        )
    file.seek(0)
    try:
        found = json.loads(file.read())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("learner"), dict):
        raise Invalid("this is no XGBoost model: it has no learner")
