"""Which secrets the stack refers to, and whether they are where it says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadbed.control.stack import Key
from roadbed.control.state import Revision
from roadbed.core.errors import RoadbedError
from roadbed.core.secret import Secret

_BEGINS = "secret://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One reference, who refers to it, and what is wrong with it: empty if nothing."""

    reference: str
    used_by: tuple[str, ...]
    wrong: str = ""
    hint: str = ""


def references(resources: Mapping[Key, Revision]) -> dict[str, tuple[str, ...]]:
    """Return every reference among *resources*, and the resources that have it."""
    found: dict[str, dict[str, None]] = {}
    for (kind, name), revision in sorted(resources.items()):
        for text in _texts(revision.content["spec"]):
            if text.startswith(_BEGINS) and not any(map(str.isspace, text)):
                found.setdefault(text, {})[f"{kind}/{name}"] = None
    return {reference: tuple(users) for reference, users in sorted(found.items())}


def look(
    wanted: Mapping[str, tuple[str, ...]], resolve: Callable[[str], Secret]
) -> list[Looked]:
    """Return what *resolve* finds for each reference; never a value."""
    return [_look(reference, users, resolve) for reference, users in wanted.items()]


def _look(
    reference: str, users: tuple[str, ...], resolve: Callable[[str], Secret]
) -> Looked:
    try:
        resolve(reference)
    except RoadbedError as error:
        return Looked(
            reference=reference, used_by=users, wrong=error.message, hint=error.hint
        )
    return Looked(reference=reference, used_by=users)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
