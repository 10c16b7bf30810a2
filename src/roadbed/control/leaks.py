"""Finds literal secrets in what was declared, so that none is ever stored."""

import re
from collections.abc import Iterator
from typing import Any

from roadbed.control.document import Document, Path
from roadbed.core.errors import Problem

_NAMES = re.compile(
    r"(^|[_.-])(api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|token|"
    r"password|passwd|passphrase|secret|authorization|credentials?|bearer)$",
    re.IGNORECASE,
)
_VALUES = re.compile(
    r"""(?x)
      \bsk-(?=\S*[0-9])[A-Za-z0-9_-]{16,}       # OpenAI, Anthropic
    | \brb[kt]_[A-Za-z0-9_-]{8,}                 # Roadbed
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b              # AWS
    | \bgh[pousr]_[A-Za-z0-9]{30,}               # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{30,}
    | \bglpat-[A-Za-z0-9_-]{18,}                 # GitLab
    | \bxox[abprs]-[A-Za-z0-9-]{10,}             # Slack
    | \bAIza[0-9A-Za-z_-]{30,}                   # Google
    | \bhf_[A-Za-z0-9]{30,}                      # Hugging Face
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]+ # a JSON Web Token
    | -----BEGIN[ A-Z]*\ PRIVATE\ KEY-----
    | \bBearer\ [A-Za-z0-9._~+/-]{16,}
    | [a-z][a-z0-9+.-]*://[^\s/@:]+:[^\s/@]+@    # a password in a URL
    """
)
HINT = (
    "write a reference such as secret://env/OPENAI_API_KEY or "
    "secret://file/openai-key, and replace the secret if Git has seen it"
)


def find_leaks(document: Document) -> Iterator[Problem]:
    """Yield a problem for each value that is, or is named as, a literal secret.

    The value itself is never part of the problem.
    """
    for path, text in _texts(document.value, ()):
        named = any(isinstance(p, str) and _NAMES.search(p) for p in path[1:][-1:])
        if is_secret(text) or (named and _could_be(text)):
            yield document.problem(path, "a literal secret is refused", HINT)


def is_secret(text: str) -> bool:
    """Say whether *text* holds something with the shape of a known secret."""
    return _VALUES.search(text) is not None


def _could_be(text: str) -> bool:
    plain = text.strip()
    return bool(plain) and not plain.startswith("secret://") and " " not in plain


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, (*path, position))
