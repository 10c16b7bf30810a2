"""LightGBM: the text of a booster, trees and their parameters."""

from typing import IO

from roadbed.core.errors import Invalid

RUNS_CODE = False
_PIECE = 64 * 1024


def matches(head: bytes) -> bool:
    """Say whether *head* begins as a booster's text does."""
    return head.startswith(b"tree\nversion=v")


def check(file: IO[bytes]) -> None:
    """Raise Invalid unless the text goes on to the end of trees and parameters."""
    file.seek(0)
    wanted = {b"\nend of trees\n", b"\nend of parameters\n"}
    before = b""
    while piece := file.read(_PIECE):
        if b"\0" in piece:
            raise Invalid("this is no LightGBM model: it is no text")
        wanted -= {end for end in wanted if end in before + piece}
        before = piece[-32:]
    if wanted:
        raise Invalid("this is no whole LightGBM model: it is cut short")
