"""Which format an artifact has, by what is in it; what runs code is refused."""

from collections.abc import Iterator
from io import BytesIO
from types import ModuleType
from typing import IO

import roadbed.registry.formats
from roadbed.core import plugins
from roadbed.core.errors import Invalid
from roadbed.registry import refused

FORMATS = "roadbed.formats"


class RefusedFormat(Invalid):
    """The artifact is of no format that is taken here."""

    code = "refused_format"


def recognise(file: IO[bytes], *, ours: bool = False) -> str:
    """Return the name of the format of *file*, which can be sought in.

    *ours* says that a run of this line exported it: only then a format is taken that
    names code to run. Raises RefusedFormat, with the reason, for pickles under any
    name, and for whatever is not known, damaged or cut short.
    """
    if reason := refused.reason(file):
        raise RefusedFormat(
            f"this artifact is not taken: {reason}",
            hint=f"export the model to one of: {', '.join(names())}",
        )
    file.seek(0)
    head = file.read(refused.HEAD)
    for name, module in _claimed(head):
        file.seek(0)
        try:
            module.check(file)
        except Invalid as error:
            raise RefusedFormat(error.message, hint=error.hint) from None
        if module.RUNS_CODE and not ours:
            raise RefusedFormat(
                f"a {name} file is taken only from a run of this line, which made it",
                hint="register the model itself: `run.register(name, model)`",
            )
        return name
    raise RefusedFormat(
        "this artifact is of no format that is known here",
        hint=f"export the model to one of: {', '.join(names())}",
    )


def must_be(artifact: bytes, wanted: str) -> None:
    """Raise RefusedFormat unless *artifact*, which a run of ours made, is *wanted*."""
    found = recognise(BytesIO(artifact), ours=True)
    if found != wanted:
        raise RefusedFormat(f"the artifact is {found}, and was said to be {wanted}")


def names() -> list[str]:
    """Return the names of all formats that are taken."""
    return plugins.names(roadbed.registry.formats, FORMATS)


def _claimed(head: bytes) -> Iterator[tuple[str, ModuleType]]:
    """Yield the formats that a file with this beginning may be of."""
    for name in names():
        module = plugins.find(roadbed.registry.formats, FORMATS, name)
        if module.matches(head):
            yield name, module
