"""What graders read: the answer as text, as JSON or as values, and what is expected.

An answer is a stranger's text: it may be huge, nested without end, or no Unicode. What
is read here is bounded, and what is said of it in a grade can always be stored.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from roadbed.evals.grading import UNIT, Direction, Grade, Means, Sample
from roadbed.inference.terms import Block

LONGEST = 1_000_000
"""The most characters of an answer that are read."""
DEEPEST = 64
SAID = 300


class Unknown(Exception):
    """It cannot be told whether the answer is good: the grade has no value."""


class Unfit(Exception):
    """The answer is not of the form that was asked for: the lowest grade."""


class Expecting(Block):
    """Where a grader finds the answer, and what is expected of it."""

    expected: str = Field(
        default="",
        max_length=200,
        description="Where it stands in what is expected of a case, such as `answer` "
        "or `facts.0.name`. Empty: all of it.",
    )
    output: str = Field(
        default="",
        max_length=200,
        description="Which output of a trained model is judged. Empty: the text of "
        "the answer, or the first output.",
    )


class Deciding:
    """A grader that needs nothing but the sample: say `decide`, get `grade`."""

    direction: Direction = "higher"
    binary: bool = True
    bounds: tuple[float, float] = UNIT
    lowest: float = 0.0

    def decide(self, sample: Sample) -> Grade:
        """Return the grade; raise Unknown or Unfit if there is nothing to compare."""
        raise NotImplementedError

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return the grade of one answer."""
        try:
            return self.decide(sample)
        except Unknown as reason:
            return Grade(value=None, error=cut(str(reason)))
        except Unfit as reason:
            return Grade(value=self.lowest, label="unfit", explanation=cut(str(reason)))


def verdict(right: bool, explanation: str = "", **detail: Any) -> Grade:
    """Return a grade of 1 or 0."""
    label = "right" if right else "wrong"
    return Grade(
        value=float(right), label=label, explanation=cut(explanation), detail=detail
    )


def value_of(sample: Sample, output: str = "") -> Any:
    """Return the answer: its text, or the value of an output for its only row."""
    answered = sample.answered
    if not output and (answered.text or not answered.outputs):
        return _bounded(answered.text)
    name = output or next(iter(answered.outputs))
    values = answered.outputs.get(name)
    if not values:
        raise Unfit(f"the answer has no output {name!r}")
    value = values[0]
    if isinstance(value, str):
        return _bounded(value)
    return value.tolist() if hasattr(value, "tolist") else value


def text_of(sample: Sample, output: str = "") -> str:
    """Return the answer as text; what is no text is written as JSON."""
    value = value_of(sample, output)
    return value if isinstance(value, str) else shown(value, LONGEST)


def json_of(sample: Sample, output: str = "") -> Any:
    """Return the answer as plain JSON; raise Unfit if it is none.

    A text may stand in one Markdown fence, as models like to write it.
    """
    value = value_of(sample, output)
    if not isinstance(value, str):
        return value
    return read_json(_unfenced(value))


def read_json(text: str) -> Any:
    """Return the JSON that *text* is; raise Unfit for what no other reader takes.

    That is NaN and infinities, numbers without end, more than 64 levels.
    """
    try:
        value = json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except RecursionError:
        raise Unfit(f"the JSON is nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise Unfit(f"the answer is no JSON: {error}") from None
    if _too_deep(value):
        raise Unfit(f"the JSON is nested deeper than {DEEPEST} levels")
    return value


def expected_of(sample: Sample, path: str = "") -> Any:
    """Return what is expected at *path*; raise Unknown if the case does not say."""
    value = at(sample.case.expected, path)
    if value is None:
        where = f" at {path!r}" if path else ""
        raise Unknown(f"the case does not say what is expected{where}")
    return value


def at(value: Any, path: str) -> Any:
    """Return what stands at a dotted *path* in plain JSON, None if nothing does."""
    for step in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isascii() and step.isdigit():
            value = value[int(step)] if int(step[:9]) < len(value) else None
        else:
            return None
    return value


def texts_of(value: Any) -> list[str]:
    """Return the texts that are expected: one, or each of a list."""
    items = value if isinstance(value, list | tuple) else [value]
    return [item if isinstance(item, str) else shown(item, LONGEST) for item in items]


def number_of(value: Any) -> float:
    """Return a finite number, also of a list of one; raise Unfit for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _scalar(value)
    try:
        number = float(value)
    except OverflowError:
        raise Unfit("the number is too large") from None
    if not math.isfinite(number):
        raise Unfit("the answer is no finite number")
    return number


def clean(text: str) -> str:
    """Return *text* with what no other program could store replaced by `?`."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def cut(text: str, limit: int = SAID) -> str:
    """Return at most *limit* characters of *text*, fit to be stored."""
    return clean(text if len(text) <= limit else text[: limit - 1] + "…")


def shown(value: Any, limit: int = SAID) -> str:
    """Return *value* for people: JSON where it has any, never longer than *limit*."""
    if isinstance(value, str):
        return cut(json.dumps(value[: limit + 1], ensure_ascii=False), limit)
    try:
        return cut(json.dumps(value, ensure_ascii=False, default=str), limit)
    except (ValueError, RecursionError, TypeError):
        return f"a {type(value).__name__}"


def walk(value: Any, most: int) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of plain JSON by their paths; Unfit if there are over *most*.

    Empty objects and lists are leaves too.
    """
    waiting = [("", value)]
    for _ in range(2 * most + 1):
        if not waiting:
            return
        path, item = waiting.pop()
        inner = _inner(item)
        if not inner:
            yield path, item
            continue
        if len(inner) + len(waiting) > 2 * most:
            break
        waiting.extend((f"{path}.{n}".lstrip("."), i) for n, i in reversed(inner))
    raise Unfit(f"the JSON has more than {most} values")


def _inner(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise Unfit(
            f"the answer has {len(text):,} characters; at most {LONGEST:,} are read"
        )
    return text


def _unfenced(text: str) -> str:
    inner = text.strip()
    if not inner.startswith("```") or not inner.endswith("```") or len(inner) < 7:
        return inner
    first, _, rest = inner[3:-3].partition("\n")
    return rest if first.strip().lower() in ("", "json") else inner


def _scalar(value: Any) -> float:
    """Return the number that a value of numpy, or a list of one, holds."""
    if hasattr(value, "tolist"):
        return number_of(value.tolist())
    if isinstance(value, list | tuple) and len(value) == 1:
        return number_of(value[0])
    raise Unfit(f"{shown(value, 60)} is no number")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _whole(text: str) -> int:
    """Return an integer that is also a double, so that nothing overflows later."""
    if len(text) > 300:
        raise ValueError(f"{text[:20]}… is out of range")
    return int(text)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [i for item in level for _, i in _inner(item)]
        if not level:
            return False
    return True
