"""Logs of Inspect: `.eval` archives and `.json` documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade
from roadbed.evals.imports._archive import members
from roadbed.evals.recorded import Recorded, Source, number, tags, text, whole
from roadbed.inference.conversation import ToolUse

ZIP = b"PK\x03\x04"
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
FINISHES = {"stop": "stop", "max_tokens": "length", "model_length": "length"}
_SAMPLE = re.compile(r"samples/[^/]+\.json")


def recognises(path: Path, head: bytes) -> bool:
    """Say whether it is an archive called `.eval`, or a document with `eval`."""
    if path.suffix == ".eval":
        return head.startswith(ZIP)
    return path.suffix == ".json" and b'"eval"' in head and b'"task"' in head


def read(source: Source) -> Iterator[Recorded]:
    """Yield each sample of each epoch with its answer and its scores."""
    with source.path.open("rb") as file:
        archive = file.read(4) == ZIP
    if archive:
        for name, data in members(source, _SAMPLE):
            yield _recorded(source, source.object(data, name))
        return
    document = source.document()
    samples = document.get("samples") if isinstance(document, dict) else None
    if not isinstance(samples, list):
        raise source.wrong("the log has no samples", "run Inspect with log_samples")
    for at, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            raise source.wrong(f"sample {at} is no object")
        yield _recorded(source, sample)


def _recorded(source: Source, sample: dict[str, Any]) -> Recorded:
    name = text(sample.get("id"))
    if not name or sample.get("input") is None:
        raise source.wrong(f"sample {name!r} has no id, or no input")
    repeat = max(1, whole(sample.get("epoch"))) - 1
    case = Case(
        id=name,
        input=_asked(sample),
        expected=sample.get("target"),
        tags=tags(sample.get("metadata")),
        provenance=source.provenance(name, "inspect", epoch=repeat + 1),
    )
    return Recorded(
        case=case,
        answered=_answered(sample),
        grades=dict(_grades(sample.get("scores"))),
        repeat=repeat,
    )


def _asked(sample: dict[str, Any]) -> Any:
    """Return a text, or messages of role and content; choices are written below."""
    asked, choices = sample["input"], sample.get("choices")
    if isinstance(asked, list):
        rows = [m for m in asked if isinstance(m, dict)]
        return [
            {"role": text(m.get("role")), "content": _content(m.get("content"))}
            for m in rows
        ]
    if not isinstance(choices, list):
        return text(asked)
    lines = [f"{chr(65 + n % 26)}) {text(choice)}" for n, choice in enumerate(choices)]
    return "\n".join([text(asked), "", *lines])


def _content(content: Any) -> str:
    if not isinstance(content, list):
        return text(content)
    parts = [p.get("text") for p in content if isinstance(p, dict)]
    return "\n".join(p for p in parts if isinstance(p, str))


def _answered(sample: dict[str, Any]) -> Answered | None:
    error = sample.get("error")
    if error:
        told = error.get("message") if isinstance(error, dict) else error
        return Answered(status="failed", error=text(told)[:1000])
    output = sample.get("output")
    choices = output.get("choices") if isinstance(output, dict) else None
    if not isinstance(output, dict) or not isinstance(choices, list) or not choices:
        return None
    usage = output.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    stopped = text(choice.get("stop_reason"))
    return Answered(
        status="refused" if stopped == "content_filter" else "ok",
        text=text(output.get("completion")) or _content(_of(message, "content")),
        tools=tuple(_tools(_of(message, "tool_calls"))),
        finish=FINISHES.get(stopped, stopped),
        input_tokens=whole(usage.get("input_tokens")),
        output_tokens=whole(usage.get("output_tokens")),
        latency_us=int((number(sample.get("total_time")) or 0.0) * 1e6),
    )


def _of(message: Any, name: str) -> Any:
    return message.get(name) if isinstance(message, dict) else None


def _tools(calls: Any) -> Iterator[ToolUse]:
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield ToolUse(
                id=text(call.get("id")),
                name=text(call.get("function")),
                arguments=text(call.get("arguments")),
            )


def _grades(scores: Any) -> Iterator[tuple[str, Grade]]:
    """Yield the scores by scorer; one of several values by scorer and value."""
    for name, score in scores.items() if isinstance(scores, dict) else ():
        fields = score if isinstance(score, dict) else {"value": score}
        value = fields.get("value")
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, each in parts:
            said = text(fields.get("explanation"))[:2000]
            yield ".".join(filter(None, [name, part])), _grade(each, said)


def _grade(value: Any, said: str) -> Grade:
    letter = LETTERS.get(value) if isinstance(value, str) else None
    found = letter if letter is not None else number(value)
    if found is None:
        told = f"the score is {text(value)[:100]!r}, which is no number"
        return Grade(value=None, label=text(value)[:100], explanation=said, error=told)
    label = value if isinstance(value, str) else ""
    return Grade(value=found, label=label, explanation=said)
