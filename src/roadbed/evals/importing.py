"""Cases, and answers with grades where there are any, from files that others wrote.

A form is one file in `evals/imports/`, or a plug-in of the group `roadbed.imports`. The
module has `recognises(path, head)`, which says by a file's name and first bytes whether
it is of that form, and `read(source)`, which yields what is in it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import roadbed.evals.imports
from roadbed.core import plugins
from roadbed.core.digest import digest_of
from roadbed.core.errors import Invalid
from roadbed.evals.case import Case
from roadbed.evals.recorded import Recorded, Source

IMPORTS = "roadbed.imports"
"""The group of entry points for forms of others."""
HEAD = 64 * 1024


def read(path: Path, form: str = "") -> Iterator[Recorded]:
    """Yield what is in the file at *path*, of the *form* that it is said to have.

    Without one, its form is found out.

    Raises Invalid, naming line or sample, for what cannot be read or kept; NotFound
    for a form that is not installed.
    """
    source = Source(path)
    module = _form(source, form)
    for recorded in module.read(source):
        _check(recorded, source)
        yield recorded


def form_of(path: Path) -> str:
    """Return the name of the form of the file at *path*; raise Invalid if none fits."""
    source = Source(path)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise source.wrong(f"it cannot be read: {error.strerror}") from None
    names = plugins.names(roadbed.evals.imports, IMPORTS)
    for name in sorted(names, key=lambda name: name == "jsonl"):
        if plugins.find(roadbed.evals.imports, IMPORTS, name).recognises(path, head):
            return name
    raise source.wrong("it has no form that is known", f"known: {', '.join(names)}")


def cases(recorded: Iterable[Recorded]) -> list[Case]:
    """Return the cases, each once; raise Invalid if two have one id."""
    found = dict[str, Case]()
    for each in recorded:
        before = found.setdefault(each.case.id, each.case)
        if before.digest != each.case.digest:
            raise Invalid(
                f"two different cases are called {each.case.id!r}",
                hint="give each an id of its own in the file",
            )
    return list(found.values())


def _form(source: Source, form: str) -> Any:
    if not source.path.is_file():
        raise source.wrong("there is no such file")
    name = form or form_of(source.path)
    return plugins.find(roadbed.evals.imports, IMPORTS, name)


def _check(recorded: Recorded, source: Source) -> None:
    """Raise Invalid for a case that could not be kept."""
    case = recorded.case
    try:
        digest_of({"case": case.digest, "id": case.id, "tags": list(case.tags)})
        digest_of(dict(case.provenance))
    except Invalid as error:
        told = f"sample {case.id[:100]!r} cannot be kept: {error.message}"
        raise source.wrong(told) from None
