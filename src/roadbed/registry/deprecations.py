"""What providers have announced to retire, and when.

The package carries a small list of public announcements, with the day on which it was
compiled; a stack adds to it, or corrects it, with resources of kind Deprecation.
"""

from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import msgspec

from roadbed.core.errors import Invalid


class Announced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider retires a model on a day. `model` may have `*` for anything.

    `provider` is the type of the Provider, such as `openai`.
    """

    provider: str
    model: str
    retires_on: date
    replacement: str = ""
    source: str = ""


class Announcements(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """All that is known, as it was on the day `compiled`."""

    compiled: date
    announced: tuple[Announced, ...]

    def with_own(self, own: Iterable[Announced]) -> "Announcements":
        """Return these and *own*, which count for the models that they name."""
        own = tuple(own)
        return msgspec.structs.replace(self, announced=(*own, *self.announced))

    def of(self, provider: str, upstream: str) -> Announced | None:
        """Return what was announced about a model of a type of provider, or None.

        The first one that fits counts.
        """
        for each in self.announced:
            if each.provider == provider and fnmatchcase(upstream, each.model):
                return each
        return None


@cache
def shipped() -> Announcements:
    """Return the list that this release carries."""
    return listed(files("roadbed.registry").joinpath("deprecations.json").read_bytes())


def listed(data: bytes) -> Announcements:
    """Return the list that *data* is, as JSON.

    Raises Invalid for what it does not know, for an entry without a day or an address
    of its source, and for two entries about one model.
    """
    try:
        found = msgspec.json.decode(data, type=Announcements)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"this is no list of announcements: {error}") from None
    named = set[tuple[str, str]]()
    for each in found.announced:
        name = each.provider, each.model
        if not all(name) or name in named:
            raise Invalid(
                f"{each.model!r} of {each.provider!r} is there twice, or empty"
            )
        if not each.source.startswith("https://"):
            raise Invalid(f"the retirement of {each.model!r} does not say its source")
        named.add(name)
    return found


def announced(spec: object) -> Announced:
    """Return what the spec of a Deprecation announces; raise Invalid if nothing."""
    try:
        return msgspec.convert(spec, Announced)
    except msgspec.ValidationError as error:
        raise Invalid(f"this announces no retirement: {error}") from None
