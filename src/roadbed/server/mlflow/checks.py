"""What the protocol lets names, parameters and metrics be: MLflow's own limits."""

import json
import posixpath
import re
from collections.abc import Iterable
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.registry.tracking.points import Point
from roadbed.server.mlflow.fields import Fields

MAX_KEY = 250
MAX_PARAM = 6_000
MAX_TAG = 8_000
MAX_METRICS = 1_000
MAX_PARAMS = 100
MAX_TAGS = 100
MAX_ENTITIES = 1_000
MAX_BATCH_BYTES = 1_000_000
MAX_HISTORY = 1_000_000
RESERVED = "roadbed."
"""Tags that say what the server saw; a client sets none of these."""

_NAME = re.compile(r"[/\w.\- :]*")
_MAX_MS = 2**63 // 1000 - 1


def experiment_name(name: str) -> str:
    """Return the name of an experiment; raise Invalid for none, or a long one."""
    if not name.strip():
        raise Invalid("Invalid experiment name: ''", hint="give it a name")
    if len(name) > 500:
        raise Invalid("'name' exceeds the maximum length of 500 characters")
    return name


def key(name: str, what: str) -> str:
    """Return the name of a metric, a param or a tag; raise Invalid if it is odd."""
    if not name:
        raise Invalid(f"Missing value for required parameter 'key' of a {what}.")
    if len(name) > MAX_KEY:
        raise Invalid(f"'key' exceeds the maximum length of {MAX_KEY} characters")
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"Invalid value {name[:80]!r} for parameter 'key' supplied: Names may only "
            "contain alphanumerics, underscores (_), dashes (-), periods (.), spaces "
            "( ), colon(:) and slashes (/)."
        )
    normal = posixpath.normpath(name)
    if normal != name or normal == "." or normal.startswith(("..", "/")):
        raise Invalid(
            f"Invalid value {name[:80]!r} for parameter 'key' supplied: Names may be "
            "treated as files in certain cases, and must not resolve to other names"
        )
    return name


def tag_key(name: str) -> str:
    """Return the name of a tag that a client may set; raise Invalid."""
    if is_ours(name):
        raise Invalid(
            f"Invalid value {name[:80]!r} for parameter 'key' supplied: tags that "
            f"begin with {RESERVED!r} say what this server saw",
            hint="choose another name",
        )
    return key(name, "tag")


def tag(fields: Fields) -> tuple[str, str]:
    """Return a tag: its name and its value."""
    return tag_key(fields.required("key")), fields.text("value", MAX_TAG)


def copied(given: Iterable[Fields], most: int) -> dict[str, str]:
    """Return the tags of something new, without what the server says itself.

    Clients make copies of runs and versions with all tags that they were shown.
    """
    found = {each.required("key"): each.text("value", most) for each in given}
    mine = {name: value for name, value in found.items() if not is_ours(name)}
    return {key(name, "tag"): value for name, value in mine.items()}


def is_ours(name: str) -> bool:
    """Say whether a tag is one that only the server sets."""
    return name.startswith(RESERVED)


def param(fields: Fields) -> tuple[str, str]:
    """Return a parameter: its name and its value."""
    return key(fields.required("key"), "param"), fields.text("value", MAX_PARAM)


def point(fields: Fields) -> Point:
    """Return one value of a metric."""
    name = key(fields.required("key"), "metric")
    if "timestamp" not in fields:
        raise Invalid(
            f"Missing value for required parameter 'timestamp' of metric {name!r}."
        )
    return Point(
        key=name,
        value=fields.double("value"),
        step=fields.integer("step"),
        at_us=fields.integer("timestamp", 0, 0, _MAX_MS) * 1000,
    )


def params(given: list[tuple[str, str]]) -> dict[str, str]:
    """Return parameters by name; raise Invalid if one has two values."""
    found: dict[str, str] = {}
    for name, value in given:
        if found.setdefault(name, value) != value:
            raise Invalid(f"Duplicate parameter keys have been submitted: {name!r}")
    return found


def model_json(text: str) -> dict[str, Any]:
    """Return what a client before version 3 says of a model; raise Invalid."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    names = ("artifact_path", "flavors", "utc_time_created", "run_id")
    if not isinstance(said, dict) or any(name not in said for name in names):
        raise Invalid(f"Malformed model info. It is JSON with {', '.join(names)}")
    return said


def added(history: str, said: dict[str, Any]) -> str:
    """Return the history of models with one more; raise Invalid if it gets too long."""
    try:
        known = json.loads(history) if history else []
    except ValueError:
        known = []
    told = json.dumps([*(known if isinstance(known, list) else []), said])
    if len(told) > MAX_HISTORY:
        raise Invalid("the run has told of too many models")
    return told
