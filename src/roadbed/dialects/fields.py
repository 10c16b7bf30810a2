"""The top level of a JSON object, read once and without doubt about its names."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roadbed.core.errors import Invalid, Problem

MAX_FIELDS = 256

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
TEXT = msgspec.json.Decoder(str | None)
FLAG = msgspec.json.Decoder(bool | None)


def read_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the names and raw values of the JSON object *body*.

    Raises Invalid if it is none, is not UTF-8, or gives a name twice: two readers
    could disagree about which one counts.
    """
    fields = decode(_FIELDS, body, "the body")
    if len(fields) > MAX_FIELDS:
        raise Invalid(f"the body has more than {MAX_FIELDS} fields")
    if not _dense(body, fields) and not _once(body, fields):
        _refuse_twice(body)
    return fields


def unknown(fields: Mapping[str, msgspec.Raw], known: frozenset[str]) -> set[str]:
    """Return the names of *fields* that say something and are not *known*."""
    return {name for name in fields.keys() - known if bytes(fields[name]) != b"null"}


def decode(decoder: msgspec.json.Decoder[Any], data: Any, what: str) -> Any:
    """Return *data* decoded; raise Invalid that says what is wrong with *what*."""
    try:
        if isinstance(data, bytes) and not data.isascii():
            data.decode()
        return decoder.decode(data)
    except UnicodeDecodeError:
        raise Invalid(f"{what} is not valid UTF-8") from None
    except RecursionError:
        raise Invalid(f"{what} nests too deeply") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{what} has a wrong shape: {str(error)[:200]}") from None
    except msgspec.DecodeError as error:
        raise Invalid(f"{what} is not JSON: {str(error)[:200]}") from None


def take(
    fields: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[Any]
) -> Any:
    """Return the field *name* decoded, None if it is absent; raise Invalid."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise wrong(name, f"{name} nests too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(name, f"{name}: {str(error)[:200]}") from None


def begin(body: bytes) -> tuple[str, dict[str, msgspec.Raw]]:
    """Return the model's name and all fields; raise Invalid if it names no model."""
    fields = read_fields(body)
    model = take(fields, "model", TEXT)
    if not model:
        raise wrong("model", "name the model: an endpoint of this server")
    return model, fields


def said_in(
    fields: Mapping[str, msgspec.Raw],
    decoder: msgspec.json.Decoder[Any],
    roles: Sequence[str],
) -> Any:
    """Return the messages, each of one of *roles*; raise Invalid saying which is not.

    *decoder* makes a list of objects that have a `role`.
    """
    if "messages" not in fields:
        raise wrong("messages", "messages is missing")
    messages = take(fields, "messages", decoder)
    if not messages:
        raise wrong("messages", "messages is empty")
    for at, message in enumerate(messages):
        if message.role not in roles:
            raise wrong(
                f"messages[{at}].role",
                f"messages[{at}]: no role is called {message.role[:40]!r}",
                f"one of {', '.join(roles)}",
            )
    return messages


def wrong(field: str, message: str, hint: str = "") -> Invalid:
    """Return the error that says what is wrong with one field."""
    place = Problem(message=message, hint=hint, field=field[:80])
    return Invalid(message, hint=hint, problems=(place,))


def _dense(body: bytes, fields: Mapping[str, msgspec.Raw]) -> bool:
    """Say whether *body* is its fields and nothing else, so that none is hidden."""
    # All in C: each name has two quotes, a colon, and a comma or a brace around it.
    names = len("".join(fields).encode()) + 4 * len(fields)
    size = 1 + names + sum(map(len, map(memoryview, fields.values())))
    return len(body) == max(size, 2)


def _once(body: bytes, fields: Mapping[str, msgspec.Raw]) -> bool:
    """Say whether each name is written once in all of *body*, at any depth."""
    if b"\\u" in body or b"\\/" in body:
        return False
    return all(body.count(msgspec.json.encode(name)) == 1 for name in fields)


def _refuse_twice(body: bytes) -> None:
    last: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        last[:] = pairs

    try:
        json.loads(body, object_pairs_hook=keep)
    except RecursionError:
        raise Invalid("the body nests too deeply") from None
    except ValueError as error:
        raise Invalid(f"the body is not JSON: {str(error)[:200]}") from None
    for name, count in Counter(name for name, _ in last).items():
        if count > 1:
            raise wrong(name, f"{name[:80]!r} is given more than once")
