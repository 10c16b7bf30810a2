"""What applying a stack would change, as a value: saved, shown, reviewed, applied."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from roadbed.control.document import Path as Place
from roadbed.control.fields import with_defaults
from roadbed.control.kinds import all_kinds
from roadbed.control.stack import Key, Loaded, Stack
from roadbed.control.state import State
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.digest import canonical, digest_of
from roadbed.core.errors import Invalid
from roadbed.core.reference import VersionRef, parse
from roadbed.core.resource import Metadata

Action = Literal["create", "follow", "retire"]
_SERVED: Place = ("spec", "model")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field that changes; None stands for absent."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one resource. `makes` is the model version it makes, if any."""

    action: Action
    kind: str
    name: str
    fields: tuple[Field, ...] = ()
    note: str = ""
    makes: str = ""

    @property
    def key(self) -> Key:
        """Return the kind and the name of what changes."""
        return self.kind, self.name


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All changes from revision *base* of the stack to what a folder declares."""

    base: int
    changes: tuple[Change, ...]

    @cached_property
    def digest(self) -> str:
        """Return the name of this plan: equal plans have equal digests."""
        return digest_of({"base": self.base, "changes": self._plain()})

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {"base": self.base, "digest": self.digest, "changes": self._plain()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Plan":
        """Read a plan back; raise Invalid if it is none, or was edited."""
        try:
            changes = tuple(_change(c) for c in value["changes"])
            plan = cls(base=value["base"], changes=changes)
            same = plan.digest == value["digest"]
        except (KeyError, TypeError, ValueError):
            raise Invalid("this is no plan", hint="write one: roadbed plan") from None
        if not same:
            raise Invalid("this plan was edited", hint="run `roadbed plan` again")
        return plan

    def _plain(self) -> list[dict[str, Any]]:
        plain = [asdict(change) for change in self.changes]
        return [p | {"fields": list(p["fields"])} for p in plain]


def make_plan(stack: Stack, state: State) -> Plan:
    """Return what has to change so that *state* becomes what *stack* declares."""
    declared = [_declare(loaded, stack, state) for loaded in stack.resources]
    changes = [change for change in declared if change is not None]
    changes += [
        Change(action="retire", kind=kind, name=name)
        for kind, name in state.resources
        if not stack.declares(kind, name)
    ]
    ordered = sorted(changes, key=lambda change: change.key)
    return Plan(base=state.revision, changes=tuple(ordered))


def definition_of(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the definition that a Model's content makes a version of, or None.

    A trained model makes none: its versions are registered by runs.
    """
    if content["kind"] != "Model":
        return None
    hosted = content["spec"].get("hosted")
    return None if hosted is None else {"hosted": hosted}


def next_version(
    content: Mapping[str, Any], state: State
) -> tuple[VersionRef, dict[str, Any]] | None:
    """Return the version that applying *content* makes and its definition, or None.

    A definition that says what the newest version says makes none.
    """
    definition = definition_of(content)
    if definition is None:
        return None
    name = content["metadata"]["name"]
    newest = state.newest(name)
    if newest is None:
        return VersionRef(name, 1), definition
    if _same_definition(newest.definition, definition):
        return None
    return VersionRef(name, newest.number + 1), definition


def _declare(loaded: Loaded, stack: Stack, state: State) -> Change | None:
    kind, name = loaded.key
    live = state.resources.get(loaded.key)
    before = {} if live is None else _body(kind, live.content)
    fields = tuple(_differences(before, _body(kind, loaded.content)))
    made = next_version(loaded.content, state)
    if live is not None and not fields and made is None:
        return None
    if live is None:
        fields = tuple(f for f in fields if not _goes_without_saying(f))
    return Change(
        action="create" if live is None else "follow",
        kind=kind,
        name=name,
        fields=fields,
        note=_note(loaded, stack, None if made is None else made[0]),
        makes="" if made is None else str(made[0]),
    )


def _goes_without_saying(field: Field) -> bool:
    if field.path == "metadata.tenant":
        return field.after == DEFAULT_TENANT
    return field.after in (None, "", [], {})


def _note(loaded: Loaded, stack: Stack, made: VersionRef | None) -> str:
    kind, name = loaded.key
    if kind != "Model":
        return ""
    if definition_of(loaded.content) is None:
        return "its versions are registered by runs"
    if made is None:
        return "makes no new version"
    behind = [
        f"endpoint {endpoint.resource.metadata.name} stays at {pin}"
        for endpoint, pin, place in pins(stack)
        if pin.name == name and pin != made and place == _SERVED
    ]
    return "; ".join([f"makes {made}", *behind])


def _change(plain: Mapping[str, Any]) -> Change:
    fields = tuple(Field(**field) for field in plain["fields"])
    if plain["action"] not in get_args(Action):
        raise ValueError(plain["action"])
    return Change(**{**plain, "fields": fields})


def pins(stack: Stack) -> Iterator[tuple[Loaded, VersionRef, Place]]:
    """Yield each endpoint of *stack* with every version that it pins, and where.

    The one that it serves comes first, then those that may stand in for it.
    """
    for endpoint in stack.of("Endpoint"):
        spec = endpoint.content["spec"]
        yield endpoint, parse(spec["model"]), _SERVED
        for at, pin in enumerate(spec.get("fallback") or ()):
            yield endpoint, parse(pin), ("spec", "fallback", at)
        for at, last in enumerate(spec.get("degrade") or ()):
            if last.get("model"):
                yield endpoint, parse(last["model"]), ("spec", "degrade", at, "model")


def _body(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can change in *content*, as this release of Roadbed reads it."""
    metadata = with_defaults(Metadata, content["metadata"])
    spec = with_defaults(all_kinds()[kind], content["spec"])
    del metadata["name"]
    return {"metadata": metadata, "spec": spec}


def _same_definition(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if "hosted" not in before:
        return False
    model = all_kinds()["Model"]
    old, new = with_defaults(model, before), with_defaults(model, after)
    return canonical(old["hosted"]) == canonical(new["hosted"])


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Field]:
    """Yield each field that differs, in the order of the paths."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    for path in sorted(old.keys() | new.keys()):
        was, becomes = old.get(path), new.get(path)
        if path in old and path in new:
            differs = canonical(was) != canonical(becomes)
        else:
            differs = not _was_filled(path, new if path in old else old, was, becomes)
        if differs:
            yield Field(path=path, before=was, after=becomes)


def _was_filled(path: str, other: Mapping[str, Any], *values: Any) -> bool:
    """Say whether an empty value only became one with parts, which say it better."""
    empty = all(value in (None, {}) for value in values)
    return empty and any(known.startswith(f"{path}.") for known in other)


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of *value*, each with its dotted path."""
    if isinstance(value, Mapping) and value.keys() == {"path", "digest", "files"}:
        yield path, value["path"]
        for file in value["files"]:
            yield f"{path}[{file['path']}]", file["digest"]
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            part = key if _PLAIN.fullmatch(key) else json.dumps(key)
            yield from _flat(item, f"{path}.{part}" if path else part)
    else:
        yield path, value
