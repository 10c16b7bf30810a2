"""What `roadbed calls erase` shares with others that erase."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.control.erasing import Erased, Eraser


def eraser(app: "App") -> "Eraser":
    """Return what erases calls of this line."""
    from roadbed.control.erasing import Eraser

    return Eraser(database=app.database, calls=app.calls)


def lines(done: "Erased") -> Iterator[str]:
    """Yield what went, and what still holds some of it."""
    if done.nothing:
        yield "nothing to erase"
    for call_id in done.payloads:
        yield f"erased the question and the answer of {call_id}"
    for count, what in (
        (done.words, "words of feedback"),
        (done.candidates, "candidates for golden sets"),
        (done.answers, "answers kept by evaluations"),
        (done.grades, "grades of those"),
        (done.online, "online grades lost their words"),
    ):
        if count:
            yield f"{what}: {count}"
    for each in done.held_by:
        yield f"still held by {each}: versions are immutable; withdraw it"
