"""OpenAI Evals: samples of `input` and `ideal`, and the event logs of its runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade
from roadbed.evals.recorded import Recorded, Source, number, text

HELD = 100_000


def recognises(path: Path, head: bytes) -> bool:
    """Say whether the first line is a sample with an ideal, or the spec of a run."""
    try:
        found = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    return "spec" in found or {"input", "ideal"} <= set(found) or _is_event(found)


def read(source: Source) -> Iterator[Recorded]:
    """Yield a case for each sample; of a log, with its answer and its grades."""
    events = dict[str, dict[str, Any]]()
    for line, fields in source.lines():
        if _is_event(fields):
            _gather(source, line, fields, events)
        elif "ideal" in fields and "input" in fields:
            yield Recorded(case=_case(source, f"line-{line}", fields, line))
        elif not {"spec", "final_report"} & set(fields):
            raise source.wrong(f"line {line} has neither input and ideal, nor an event")
    for sample, found in events.items():
        yield _recorded(source, sample, found)


def _is_event(fields: dict[str, Any]) -> bool:
    return "sample_id" in fields and isinstance(fields.get("data"), dict)


def _gather(
    source: Source, line: int, fields: dict[str, Any], events: dict[str, dict[str, Any]]
) -> None:
    """Put what an event says of its sample to the rest."""
    sample = text(fields["sample_id"]) or "(none)"
    found = events.setdefault(sample, {"line": line, "grades": {}})
    if len(events) > HELD:
        raise source.wrong(f"it has more than {HELD:,} samples", "split the log")
    _tell(found, text(fields.get("type")), fields["data"])


def _tell(found: dict[str, Any], kind: str, data: dict[str, Any]) -> None:
    if kind == "raw_sample":
        found["sample"] = data
    elif kind == "sampling":
        found["prompt"], found["said"] = data.get("prompt"), data.get("sampled")
    elif kind in ("match", "includes"):
        found["ideal"] = data.get("expected")
        found["grades"][kind] = number(data.get("correct"))
    elif kind == "metrics":
        found["grades"] |= {name: number(value) for name, value in data.items()}
    elif kind == "error":
        found["error"] = text(data.get("message"))


def _recorded(source: Source, sample: str, found: dict[str, Any]) -> Recorded:
    fields = found.get("sample")
    if not isinstance(fields, dict) or "input" not in fields:
        fields = {"input": found.get("prompt"), "ideal": found.get("ideal")}
    if fields.get("input") is None:
        raise source.wrong(f"sample {sample!r} was never asked anything")
    said = found.get("said")
    answer = said[0] if isinstance(said, list) and said else said
    failed = "error" in found and answer is None
    answered = Answered(
        status="failed" if failed else "ok",
        error=found.get("error", ""),
        text=text(answer),
    )
    return Recorded(
        case=_case(source, sample, fields, found["line"]),
        answered=answered if failed or said is not None else None,
        grades={
            name: Grade(value=value)
            for name, value in found["grades"].items()
            if value is not None
        },
    )


def _case(source: Source, sample: str, fields: dict[str, Any], line: int) -> Case:
    return Case(
        id=sample,
        input=fields["input"],
        expected=fields.get("ideal"),
        provenance=source.provenance(sample, "openai-evals", line=line),
    )
