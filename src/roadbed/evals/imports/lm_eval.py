"""The samples that the lm-evaluation-harness writes with `--log_samples`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade
from roadbed.evals.recorded import Recorded, Source, number, text

_OWN = """
doc_id doc target arguments resps filtered_resps filter metrics doc_hash prompt_hash
target_hash
"""
OWN = frozenset(_OWN.split())


def recognises(path: Path, head: bytes) -> bool:
    """Say whether the first line has a document, its arguments and responses."""
    line = head.split(b"\n", 1)[0]
    wanted = (b'"doc_id"', b'"doc"', b'"arguments"')
    return line.lstrip()[:1] == b"{" and all(name in line for name in wanted)


def read(source: Source) -> Iterator[Recorded]:
    """Yield each sample once for each filter of its responses."""
    for line, fields in source.lines():
        if "doc_id" not in fields or "arguments" not in fields:
            raise source.wrong(f"line {line} has no doc_id, or no arguments")
        asked = list(_prompts(fields["arguments"]))
        if not asked:
            raise source.wrong(f"line {line}: nothing was asked in its arguments")
        yield _recorded(source, line, fields, asked)


def _recorded(
    source: Source, line: int, fields: dict[str, Any], asked: list[tuple[str, str]]
) -> Recorded:
    """Return a sample; one with several requests asks to choose among their ends."""
    name = text(fields["doc_id"])
    choices = [end for _, end in asked] if len(asked) > 1 else []
    chosen = _chosen(fields.get("filtered_resps"), choices)
    kept = text(fields.get("filter"))
    case = Case(
        id=name,
        input={"prompt": asked[0][0], "choices": choices} if choices else asked[0][0],
        expected=_target(fields.get("target"), choices),
        provenance=source.provenance(
            name, "lm-eval", line=line, doc_hash=text(fields.get("doc_hash"))
        ),
    )
    suffix = f"/{kept}" if kept and kept != "none" else ""
    values = {k: number(v) for k, v in fields.items() if k not in OWN}
    grades = {
        f"{k}{suffix}": Grade(value=v) for k, v in values.items() if v is not None
    }
    return Recorded(case=case, answered=chosen, grades=grades)


def _prompts(arguments: Any) -> Iterator[tuple[str, str]]:
    """Yield prompt and end of each request; older files have lists of pairs."""
    rows = arguments.values() if isinstance(arguments, dict) else arguments
    for row in rows if isinstance(rows, list) or hasattr(rows, "__iter__") else ():
        parts = list(row.values()) if isinstance(row, dict) else row
        if isinstance(parts, list) and parts and isinstance(parts[0], str):
            end = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else ""
            yield parts[0], end


def _chosen(responses: Any, choices: list[str]) -> Answered | None:
    """Return the answer: what was written, or the likeliest of the choices."""
    if not isinstance(responses, list) or not responses:
        return None
    if not choices:
        first = responses[0]
        while isinstance(first, list) and first:
            first = first[0]
        return Answered(text=text(first))
    scores = [_likelihood(each) for each in responses[: len(choices)]]
    if len(scores) != len(choices) or None in scores:
        return None
    best = max(range(len(scores)), key=lambda n: scores[n] or 0.0)
    return Answered(text=choices[best].strip())


def _likelihood(response: Any) -> float | None:
    while isinstance(response, list) and response:
        response = response[0]
    if isinstance(response, str):
        try:
            response = float(response)
        except ValueError:
            return None
    return number(response)


def _target(target: Any, choices: list[str]) -> Any:
    """Return what is expected; an index of a choice is the choice."""
    plain = str(target)
    if (
        choices
        and plain.isascii()
        and plain.isdigit()
        and int(plain[:9]) < len(choices)
    ):
        return choices[int(plain)].strip()
    return target
