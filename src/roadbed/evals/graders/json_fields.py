"""How many fields of a JSON answer are what is expected, and which are not."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    cut,
    expected_of,
    json_of,
    shown,
    walk,
)
from roadbed.evals.graders._schema import key
from roadbed.evals.graders._texts import normal
from roadbed.evals.graders.exact import same
from roadbed.evals.grading import Grade, Sample

VERSION = 1
LEAVES = 20_000


class Config(Expecting):
    """Settings of the grader `json-fields`."""

    ignore: list[str] = Field(
        default_factory=list,
        max_length=200,
        description="Paths that do not count, with all below them, such as "
        "`meta.created`. A `*` stands for any one step.",
    )
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="How much a path counts, with all below it; others count 1.",
    )
    extra: Literal["wrong", "ignored"] = Field(
        default="wrong", description="What a field is that nobody expected."
    )
    lists: Literal["ordered", "any-order"] = Field(
        default="ordered", description="Whether the order in lists counts."
    )
    texts: Literal["exact", "normalised"] = Field(
        default="exact", description="How texts are compared, as those graders do."
    )
    tolerance: float = Field(
        default=0.0, ge=0, description="How far numbers may be off, relatively."
    )


class JsonFields(Deciding):
    """Compares leaf by leaf."""

    binary = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return the weighted share of fields that are as expected."""
        expected = expected_of(sample, self._config.expected)
        got = json_of(sample, self._config.output)
        wanted, found = self._leaves(expected), self._leaves(got)
        differences = self._differences(wanted, found)
        paths = wanted if self._config.extra == "ignored" else {**wanted, **found}
        total = sum(self._weight(path) for path in paths)
        off = sum(self._weight(each["path"]) for each in differences)
        told = ", ".join(str(each["path"] or "(all)") for each in differences[:5])
        return Grade(
            value=1.0 - off / total if total else 1.0,
            label="same" if not differences else "different",
            explanation=cut(f"different: {told}") if differences else "",
            detail={"differences": [_plain(d) for d in differences[:50]]},
        )

    def _leaves(self, value: Any) -> dict[str, Any]:
        plain = _sorted(value) if self._config.lists == "any-order" else value
        leaves = walk(plain, LEAVES)
        return {p: v for p, v in leaves if not self._named(p, self._config.ignore)}

    def _differences(
        self, wanted: Mapping[str, Any], found: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        missing = [
            {"path": path, "expected": value, "got": found.get(path)}
            for path, value in wanted.items()
            if path not in found or not self._same(value, found[path])
        ]
        if self._config.extra == "ignored":
            return missing
        more = [p for p in found if p not in wanted]
        return missing + [{"path": p, "expected": None, "got": found[p]} for p in more]

    def _same(self, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            plain = self._config.texts == "exact"
            return left == right if plain else normal(left) == normal(right)
        return self._near(left, right) or same(left, right)

    def _near(self, left: Any, right: Any) -> bool:
        if not _number(left) or not _number(right):
            return False
        return abs(left - right) <= self._config.tolerance * abs(left)

    def _weight(self, path: str) -> float:
        found = self._named(path, list(self._config.weights))
        return self._config.weights[found[-1]] if found else 1.0

    def _named(self, path: str, patterns: list[str]) -> list[str]:
        steps = path.split(".")
        return [p for p in patterns if _begins(steps, p.split("."))]


def _begins(steps: list[str], pattern: list[str]) -> bool:
    return len(pattern) <= len(steps) and all(
        p in ("*", s) for p, s in zip(pattern, steps, strict=False)
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sorted(value: Any) -> Any:
    """Return *value* with its lists in an order of their own."""
    if isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=lambda item: repr(key(item)))
    return value


def _plain(difference: dict[str, Any]) -> dict[str, str]:
    return {
        "path": cut(difference["path"]),
        "expected": shown(difference["expected"], 100),
        "got": shown(difference["got"], 100),
    }


def grader(config: Config) -> JsonFields:
    """Return the grader."""
    return JsonFields(config)
