"""What the protocol's messages look like as JSON."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from roadbed.registry.clients.search import ROOT
from roadbed.registry.clients.tracked import Tracked, Whole
from roadbed.registry.tracking.experiments import Experiment
from roadbed.registry.tracking.points import Point

Json = dict[str, Any]


def pairs(values: Mapping[str, str], name: str = "key") -> list[Json]:
    """Return texts by name as a list of messages."""
    return [{name: key, "value": value} for key, value in values.items()]


def number(value: float) -> float | str:
    """Return a double as JSON holds it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def experiment(found: Experiment, tags: Mapping[str, str]) -> Json:
    """Return an experiment."""
    return {
        "experiment_id": found.id,
        "name": found.name,
        "artifact_location": f"{ROOT}{found.id}",
        "lifecycle_stage": found.stage,
        "creation_time": found.created_us // 1000,
        "last_update_time": found.updated_us // 1000,
        "tags": pairs(tags),
    }


def info(found: Tracked) -> Json:
    """Return what is known of a run without what it logged."""
    ended = {} if found.end_ms is None else {"end_time": found.end_ms}
    return {
        "run_id": found.run_id,
        "run_uuid": found.run_id,
        "run_name": found.name,
        "experiment_id": found.experiment_id,
        "user_id": found.user,
        "status": found.status,
        "start_time": found.start_ms,
        "artifact_uri": root_of(found),
        "lifecycle_stage": found.stage,
        **ended,
    }


def root_of(found: Tracked) -> str:
    """Return where the files of a run are."""
    return f"{ROOT}{found.experiment_id}/{found.run_id}/artifacts"


def metric(point: Point, **more: str) -> Json:
    """Return one value of a metric."""
    return {
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.at_us // 1000,
        "step": point.step,
        **more,
    }


def run(found: Whole) -> Json:
    """Return a run with all that it logged."""
    outputs = [m for m in found.models if m["role"] == "output"]
    read = [m for m in found.models if m["role"] == "input"]
    return {
        "info": info(found.run),
        "data": {
            "metrics": [metric(point) for point in found.points.values()],
            "params": pairs(found.params),
            "tags": pairs(found.tags),
        },
        "inputs": {
            "dataset_inputs": [_input(each) for each in found.inputs],
            "model_inputs": [{"model_id": each["model_id"]} for each in read],
        },
        "outputs": {
            "model_outputs": [
                {"model_id": each["model_id"], "step": each["step"]} for each in outputs
            ]
        },
    }


def _input(row: Mapping[str, Any]) -> Json:
    names = ("name", "digest", "source_type", "source", "schema", "profile")
    return {
        "dataset": {name: row[name] for name in names if row[name]},
        "tags": pairs(row["tags"]),
    }


def files(paths: Iterable[tuple[str, int]], below: str, *, whole: bool) -> list[Json]:
    """Return what stands directly *below* a folder, files and folders.

    *paths* are files with their sizes; a *whole* path starts at the root, else at the
    folder.
    """
    prefix = f"{below}/" if below else ""
    found: dict[str, Json] = {}
    for path, size in paths:
        if not path.startswith(prefix):
            continue
        name, slash, _ = path[len(prefix) :].partition("/")
        shown = prefix + name if whole else name
        if slash:
            found.setdefault(name, {"path": shown, "is_dir": True})
        else:
            found[name] = {"path": shown, "is_dir": False, "file_size": size}
    return [found[name] for name in sorted(found)]
