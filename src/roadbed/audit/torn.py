"""Tell a note that a crash tore off from one that was damaged."""

import re
from itertools import chain

_DASH = "\u2014 "
_LINES = (
    (r"0|[1-9][0-9]*", r"[0-9]*"),
    (r"[A-Za-z0-9+/]{43}=", r"[A-Za-z0-9+/]{0,43}=?"),
    (r"at [0-9]+ [0-9T:.Z-]+", r"(at ?|a?)|at [0-9]+ ?|at [0-9]+ [0-9T:.Z-]+"),
    (r"", r""),
)
_SIGNATURE = r"[A-Za-z0-9+/]{0,91}"
"""Base64 of four bytes of key id and 64 of signature has 92 characters."""


def is_torn(text: str, origin: str) -> bool:
    """Say whether *text* is the beginning of a note of *origin*, and not all of it.

    A crash while a note is written leaves its first bytes. Anything else, and a
    whole note with a false signature, was not left by a crash.
    """
    # The dash has three bytes; fewer of them are no character.
    lines = text.rstrip("\n").removesuffix("\n\n\N{REPLACEMENT CHARACTER}").split("\n")
    signed = _DASH + origin + " "
    wholes = chain([re.escape(origin)], (whole for whole, _ in _LINES))
    if len(lines) > len(_LINES) + 2 or not text.strip():
        return False
    if not all(map(re.fullmatch, wholes, lines[:-1])):
        return False
    *before, last = lines
    if not before:
        return origin.startswith(last)
    if len(before) <= len(_LINES):
        return re.fullmatch(_LINES[len(before) - 1][1], last) is not None
    if last.startswith(signed):
        return re.fullmatch(_SIGNATURE, last.removeprefix(signed)) is not None
    return signed.startswith(last)
