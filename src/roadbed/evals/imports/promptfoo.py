"""Results of promptfoo (`-o results.json` or `.jsonl`), and its tests without results.

Tests are a configuration with `tests`, a list of tests, or a CSV file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade
from roadbed.evals.imports._tests import Test, tests_of
from roadbed.evals.recorded import Recorded, Source, number, tags, text, whole


def recognises(path: Path, head: bytes) -> bool:
    """Say whether it has the words of promptfoo."""
    if path.suffix == ".csv":
        return b"__expected" in head
    if path.suffix in (".yaml", ".yml"):
        return b"\ntests:" in b"\n" + head or b"vars:" in head
    results = b'"gradingResult"' in head or b'"promptIdx"' in head
    tests = b'"vars"' in head and b'"assert"' in head
    return results or b'"evalId"' in head or tests


def read(source: Source) -> Iterator[Recorded]:
    """Yield a case for each result, or for each test where there are no results."""
    if source.path.suffix in (".jsonl", ".ndjson"):
        for line, row in source.lines():
            yield _result(source, row, f"line {line}")
        return
    rows = _rows(source) if source.path.suffix == ".json" else None
    if rows is None:
        for test in tests_of(source):
            yield Recorded(case=_case(source, test, test.asked, ""))
        return
    for at, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise source.wrong(f"result {at} is no object")
        yield _result(source, row, f"result {at}")


def _rows(source: Source) -> list[Any] | None:
    """Return the results of a document, None if it has only tests."""
    document = source.document()
    results = document.get("results") if isinstance(document, dict) else None
    if isinstance(results, dict):
        results = results.get("results")
    return results if isinstance(results, list) else None


def _result(source: Source, row: dict[str, Any], where: str) -> Recorded:
    """Return one result: a test with one prompt, answered by one provider."""
    fields, prompt = row.get("testCase"), row.get("prompt")
    if not isinstance(fields, dict) or not isinstance(prompt, dict):
        raise source.wrong(f"{where} has no testCase, or no prompt")
    test = Test.of(fields, f"test-{whole(row.get('testIdx')) + 1}")
    prompt_at = whole(row.get("promptIdx")) + 1
    case = _case(source, test, _spoken(source, prompt), f"prompt-{prompt_at}")
    return Recorded(
        case=case,
        answered=_answered(row),
        grades=dict(_grades(row)),
        repeat=whole(row.get("repeatIndex")),
    )


def _case(source: Source, test: Test, asked: Any, suffix: str) -> Case:
    name = "/".join(filter(None, [test.name, suffix]))
    more: dict[str, Any] = {"asserts": list(test.asserts)} if test.asserts else {}
    if test.description:
        more["description"] = test.description
    return Case(
        id=name,
        input=asked,
        expected=test.expected,
        tags=tags(test.metadata),
        cluster=test.name if suffix else "",
        provenance=source.provenance(name, "promptfoo", **more),
    )


def _spoken(source: Source, prompt: dict[str, Any]) -> Any:
    """Return the prompt: a text, or messages where it is a JSON list of them."""
    raw = text(prompt.get("raw"))
    if not raw.lstrip().startswith("["):
        return raw
    try:
        found = source.parsed(raw.encode("utf-8", "surrogatepass"), "a prompt")
    except Invalid:
        return raw
    sound = isinstance(found, list) and all(isinstance(m, dict) for m in found)
    return found if sound and found else raw


def _answered(row: dict[str, Any]) -> Answered | None:
    response = row.get("response")
    if not isinstance(response, dict):
        return None
    error = text(response.get("error"))
    usage = response.get("tokenUsage")
    usage = usage if isinstance(usage, dict) else {}
    refused = response.get("isRefusal") is True
    status = "failed" if error else "refused" if refused else "ok"
    return Answered(
        status=status,
        error=error[:1000],
        text=text(response.get("output")),
        input_tokens=whole(usage.get("prompt")),
        output_tokens=whole(usage.get("completion")),
        cost_nano=whole((number(row.get("cost")) or 0.0) * 1e9),
        latency_us=whole((number(row.get("latencyMs")) or 0.0) * 1000),
    )


def _grades(row: dict[str, Any]) -> Iterator[tuple[str, Grade]]:
    """Yield the whole score as `promptfoo`, and each assertion by its type."""
    graded = row.get("gradingResult")
    graded = graded if isinstance(graded, dict) else {}
    score = number(graded.get("score", row.get("score")))
    if score is not None:
        yield "promptfoo", _grade(graded, score)
    parts = graded.get("componentResults")
    seen = dict[str, int]()
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        told = part.get("assertion")
        told = told if isinstance(told, dict) else {}
        name = text(told.get("metric")) or text(told.get("type")) or "assertion"
        seen[name] = seen.get(name, 0) + 1
        value = number(part.get("score"))
        if value is not None:
            counted = f"{name}-{seen[name]}" if seen[name] > 1 else name
            yield counted, _grade(part, value)


def _grade(part: dict[str, Any], value: float) -> Grade:
    label = "pass" if part.get("pass") is True else "fail"
    return Grade(value=value, label=label, explanation=text(part.get("reason"))[:2000])
