"""Whether the answer is JSON of a schema, or how many of its fields are."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from roadbed.core.errors import Invalid
from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    Unknown,
    cut,
    expected_of,
    json_of,
    walk,
)
from roadbed.evals.graders._schema import Checker, checker
from roadbed.evals.grading import Grade, Sample

VERSION = 1
LEAVES = 20_000
ERRORS = 200


class Config(Expecting):
    """Settings of the grader `json-schema`."""

    json_schema: dict[str, Any] = Field(
        default_factory=dict,
        alias="schema",
        description="The JSON Schema, of draft 2020-12 unless `$schema` says "
        "otherwise. Empty: the one that is expected of the case. Nothing is fetched.",
    )
    score: Literal["valid", "fields"] = Field(
        default="valid",
        description="`valid`: 1 or 0. `fields`: the share of the fields, of the "
        "schema and of the answer, that are as they should be.",
    )


class JsonSchema(Deciding):
    """Validates; patterns run in linear time, references outside are not followed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._fixed = checker(config.json_schema) if config.json_schema else None
        self.binary = config.score == "valid"

    def decide(self, sample: Sample) -> Grade:
        """Return whether the answer is valid, or the share of its fields that are."""
        check = self._fixed or self._of(sample)
        value = json_of(sample, self._config.output)
        leaves = {path for path, _ in walk(value, LEAVES)}
        errors = check.errors(value, ERRORS)
        valid = not errors
        score = 1.0 if valid else _share(fields(check.schema) | leaves, errors)
        return Grade(
            value=float(valid) if self.binary else score,
            label="valid" if valid else "invalid",
            explanation=cut("; ".join(f"{p or '(all)'}: {m}" for p, m in errors[:3])),
            detail={
                "errors": [{"path": cut(p), "error": cut(m)} for p, m in errors[:20]]
            },
        )

    def _of(self, sample: Sample) -> Checker:
        schema = expected_of(sample, self._config.expected)
        if not isinstance(schema, dict):
            raise Unknown("the case does not expect a JSON Schema")
        try:
            return checker(schema)
        except Invalid as error:
            raise Unknown(error.message) from None


def fields(schema: Mapping[str, Any]) -> set[str]:
    """Return the paths of the fields that *schema* declares, lists left out."""
    found, waiting = set[str](), list(_properties("", schema))
    while waiting and len(found) < 1000:
        path, inner = waiting.pop()
        deeper = list(_properties(path, inner)) if isinstance(inner, dict) else []
        waiting.extend(deeper)
        if not deeper:
            found.add(path)
    return found


def _properties(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    inner = schema.get("properties")
    for name, value in inner.items() if isinstance(inner, dict) else ():
        yield f"{path}.{name}".lstrip("."), value


def _share(known: set[str], errors: list[tuple[str, str]]) -> float:
    """Return the share of fields that no error is about; a broken parent breaks all."""
    broken = {path for path, _ in errors}
    if "" in broken:
        return 0.0
    known = known | {p for p in broken if not any(k.startswith(f"{p}.") for k in known)}
    bad = sum(1 for path in known if _above(path) & broken)
    return 1.0 - bad / len(known)


def _above(path: str) -> set[str]:
    steps = path.split(".")
    return {".".join(steps[:n]) for n in range(1, len(steps) + 1)}


def grader(config: Config) -> JsonSchema:
    """Return the grader; raise Invalid if the schema is none."""
    needs("jsonschema", "re2")
    try:
        return JsonSchema(config)
    except Unfit as error:
        raise Invalid(str(error)) from None
