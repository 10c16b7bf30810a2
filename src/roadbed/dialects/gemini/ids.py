"""Names for the calls of tools that Gemini leaves unnamed."""

import secrets

OURS = "call_roadbed_"
"""Begins the id of a call that Gemini gave none: it is matched back by its name."""


def new_id() -> str:
    """Return an id for a call of a tool that came without one."""
    return OURS + secrets.token_hex(8)
