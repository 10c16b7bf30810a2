"""Finds literal secrets in what was declared, so that none is ever stored."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from roadbed.control.document import Document, Path
from roadbed.control.shapes import is_placeholder, is_secret, secrets_in
from roadbed.core.errors import Problem

_NAMES = re.compile(
    r"(^|_)(api_?keys?|(access|secret|private|account|auth|subscription|signing"
    r"|encryption|shared|master)_?keys?|client_?secrets?|secrets?|passwords?|passwd"
    r"|pwd|passphrases?|authorization|cookie|credentials?|bearer"
    r"|(?<!bos_)(?<!eos_)(?<!pad_)(?<!unk_)(?<!sep_)(?<!cls_)(?<!stop_)(?<!mask_)token"
    r"|(api|access|auth|refresh|session)_?tokens?)(_value)?$"
)
_SCHEMA = frozenset({"type", "$ref", "enum", "anyOf", "oneOf", "allOf", "const"})
_MOST = 20
SAID = "a literal secret is refused"
HINT = (
    "write a reference such as secret://env/OPENAI_API_KEY or "
    "secret://file/openai-key, and replace the secret if Git has seen it"
)


def find_leaks(document: Document) -> Iterator[Problem]:
    """Yield a problem for each value that is, or is named as, a literal secret.

    A value is named by its key, or by any key around it. The secret itself is never
    part of the problem.
    """
    if document.file.endswith(".cedar"):
        yield from leaks_in(document.value["spec"]["cedar"], document.file)
        return
    for path, value, named in _parts(document.value, (), False):
        if _is_leak(value, named):
            yield document.problem(path, SAID, HINT)


def leaks_in(text: str, file: str) -> Iterator[Problem]:
    """Yield a problem for each line of *text* that holds a literal secret.

    After 20 lines of one file there are no more.
    """
    lines: dict[int, None] = {}
    line, seen = 1, 0
    for position in sorted(secrets_in(text)):
        line += text.count("\n", seen, position)
        seen = position
        lines[line] = None
    for line in islice(lines, _MOST):
        yield Problem(message=SAID, hint=HINT, file=file, line=line)


def _is_leak(value: Any, named: bool) -> bool:
    if isinstance(value, str):
        return is_secret(value) or (named and not is_placeholder(value))
    return named and isinstance(value, int | float) and not isinstance(value, bool)


def _parts(value: Any, path: Path, named: bool) -> Iterator[tuple[Path, Any, bool]]:
    """Yield each key and each scalar with its place, and whether it is named."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key, False
            inside = named or (_names_secret(key) and not _is_property(path, item))
            yield from _parts(item, (*path, key), inside)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _parts(item, (*path, position), named)
    else:
        yield path, value, named


def _names_secret(key: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return _NAMES.search(re.sub(r"[^a-z0-9]+", "_", words.lower())) is not None


def _is_property(path: Path, item: Any) -> bool:
    """Say whether *item* describes a field, as the JSON Schema of a tool does."""
    inside = bool(path) and path[-1] == "properties"
    return inside and isinstance(item, dict) and not _SCHEMA.isdisjoint(item)
