"""JSON Lines with one case each: `input`, and what else is known of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from roadbed.evals.case import Case
from roadbed.evals.recorded import Recorded, Source, number, tags, text

ASKED = ("input", "question", "prompt", "messages")
EXPECTED = ("expected", "ideal", "target", "answer", "expected_output", "output")


def recognises(path: Path, head: bytes) -> bool:
    """Say whether the name says so, and the first line is an object."""
    return path.suffix in (".jsonl", ".ndjson") and head.lstrip()[:1] == b"{"


def read(source: Source) -> Iterator[Recorded]:
    """Yield a case for each line; the line is its id unless it has one."""
    for line, fields in source.lines():
        asked = first(fields, ASKED)
        if asked is None:
            raise source.wrong(
                f"line {line} has no input", hint=f"write one of: {', '.join(ASKED)}"
            )
        yield Recorded(case=_case(source, line, fields, asked))


def first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first of the fields *names* that is there, None if none is."""
    found = (fields[name] for name in names if fields.get(name) is not None)
    return next(found, None)


def _case(source: Source, line: int, fields: dict[str, Any], asked: Any) -> Case:
    name = text(fields.get("id")) or f"line-{line}"
    said = fields.get("tags")
    own = tuple(str(tag) for tag in said) if isinstance(said, list) else ()
    weight = number(fields.get("weight", 1.0))
    if weight is None or weight < 0:
        raise source.wrong(f"line {line}: the weight is no number from 0")
    return Case(
        id=name,
        input=asked,
        expected=first(fields, EXPECTED),
        tags=own or tags(fields.get("metadata")),
        weight=weight,
        cluster=text(fields.get("cluster")),
        provenance=source.provenance(name, "jsonl", line=line),
    )
