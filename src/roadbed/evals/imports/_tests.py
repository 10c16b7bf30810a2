"""Tests as promptfoo has them: variables, assertions, and what they expect."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.evals.recorded import Source, text

MOST = 100_000
YAML_BYTES = 16 * 1024 * 1024
_VARIABLE = re.compile(r"\{\{\s*([\w.-]{1,100})\s*\}\}")
_TYPED = re.compile(r"(not-)?[a-z]+(-[a-z]+)*(\([0-9.]*\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test. `asked` is its only variable, or all of them."""

    name: str
    description: str
    variables: dict[str, Any]
    asserts: Sequence[dict[str, Any]]
    metadata: Any

    @classmethod
    def of(cls, fields: dict[str, Any], name: str) -> "Test":
        """Read a test as it stands in a configuration or a result."""
        variables, asserts = fields.get("vars"), fields.get("assert")
        rows = asserts if isinstance(asserts, list) else []
        kept = ("type", "value", "threshold", "weight", "metric")
        return cls(
            name=name,
            description=text(fields.get("description"))[:200],
            variables=variables if isinstance(variables, dict) else {},
            asserts=[
                {k: row[k] for k in kept if k in row}
                for row in rows
                if isinstance(row, dict)
            ],
            metadata=fields.get("metadata"),
        )

    @property
    def asked(self) -> Any:
        """What a provider is asked, as far as the test knows."""
        values = list(self.variables.values())
        return values[0] if len(values) == 1 else self.variables

    @property
    def expected(self) -> Any:
        """The value of the only assertion that has one, else all by their types."""
        valued = [a for a in self.asserts if a.get("value") is not None]
        if len(valued) == 1:
            return valued[0]["value"]
        return {text(a.get("type")): a["value"] for a in valued} or None


def tests_of(source: Source) -> Iterator[Test]:
    """Yield the tests of a configuration (YAML or JSON), a list of them, or a CSV."""
    if source.path.suffix == ".csv":
        yield from _table(source)
        return
    document = source.document() if source.path.suffix == ".json" else _yaml(source)
    rows = document.get("tests") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise source.wrong(
            "it has no list of tests", "tests of other files: import them"
        )
    prompt = _prompt(document)
    for at, row in enumerate(rows[: MOST + 1], 1):
        if not isinstance(row, dict):
            raise source.wrong(f"test {at} is no object")
        if at > MOST:
            raise source.wrong(f"it has more than {MOST:,} tests")
        yield _filled(Test.of(row, f"test-{at}"), prompt)


def _prompt(document: Any) -> str:
    """Return the only prompt of a configuration, if it is a template in plain words."""
    prompts = document.get("prompts") if isinstance(document, dict) else None
    only = prompts[0] if isinstance(prompts, list) and len(prompts) == 1 else prompts
    plain = isinstance(only, str) and "{%" not in only and "://" not in only
    return only if plain and isinstance(only, str) else ""


def _filled(test: Test, prompt: str) -> Test:
    """Return *test* with its prompt as the one variable, if all places are filled."""
    names = set(_VARIABLE.findall(prompt))
    if not names or not names <= set(test.variables):
        return test
    said = _VARIABLE.sub(lambda found: text(test.variables[found[1]]), prompt)
    return Test(
        name=test.name,
        description=test.description,
        variables={"prompt": said},
        asserts=test.asserts,
        metadata=test.metadata,
    )


def _yaml(source: Source) -> Any:
    import yaml

    data = source.whole()
    if len(data) > YAML_BYTES:
        raise source.wrong("it is larger than 16 MB", "write large sets as JSON Lines")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data)):
            raise source.wrong("it has YAML aliases, which are not followed")
        return json.loads(json.dumps(yaml.safe_load(data), default=str))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise source.wrong(f"it is no YAML: {told}") from None


def _table(source: Source) -> Iterator[Test]:
    try:
        words = source.whole().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise source.wrong(f"it is no UTF-8: byte {error.start}") from None
    rows = csv.DictReader(io.StringIO(words, newline=""))
    try:
        for at, row in enumerate(rows, 1):
            if at > MOST:
                raise source.wrong(f"it has more than {MOST:,} rows")
            if None in row:
                raise source.wrong(f"line {rows.line_num} has more fields than names")
            yield _row(row, at)
    except csv.Error as error:
        raise source.wrong(f"line {rows.line_num}: {error}") from None


def _row(row: dict[str, Any], at: int) -> Test:
    cells = {name: value or "" for name, value in row.items()}
    asserts = [
        _assertion(value)
        for name, value in cells.items()
        if re.fullmatch(r"__expected\d*", name) and value
    ]
    metadata = {
        name.partition(":")[2]: value
        for name, value in cells.items()
        if name.startswith("__metadata:")
    }
    return Test(
        name=f"test-{at}",
        description=cells.get("__description", "")[:200],
        variables={n: v for n, v in cells.items() if not n.startswith("__")},
        asserts=asserts,
        metadata=metadata,
    )


def _assertion(cell: str) -> dict[str, Any]:
    """Return an assertion: `type: value`, or a text that has to be equal."""
    kind, colon, value = cell.partition(":")
    if colon and _TYPED.fullmatch(kind.strip()):
        return {"type": kind.strip(), "value": value.strip()}
    return {"type": "equals", "value": cell}
