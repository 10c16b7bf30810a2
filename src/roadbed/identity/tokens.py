"""Tokens: long random texts that are shown once and kept as digests."""

import secrets

from roadbed.core.digest import digest
from roadbed.core.secret import Secret

KEY, BOOTSTRAP, SESSION = "rbk", "rbt", "rbs"
"""How each kind of token begins, so that scanners and people recognise it."""


def new_id() -> str:
    """Return twelve random hex digits: a name that gives nothing away."""
    return secrets.token_hex(6)


def new_token(*words: str) -> Secret:
    """Return *words* and 256 random bits, joined by underscores."""
    return Secret("_".join([*words, secrets.token_hex(32)]))


def credential_digest(token: str) -> str:
    """Return what is stored and looked up instead of *token*: its SHA-256.

    No salt and no stretching: 256 random bits cannot be guessed.
    """
    return digest(token.encode("utf-8", "replace"))
