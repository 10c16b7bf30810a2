"""Whether a number or a date in the answer is near enough to what is expected."""

import re
from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    Unknown,
    expected_of,
    number_of,
    shown,
    value_of,
    verdict,
)
from roadbed.evals.grading import Grade, Sample

VERSION = 1
DAY_S = 86_400
_NUMBER = re.compile(
    r"[-+\u2212]?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?%?"
)
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[-+][0-9]{2}:?[0-9]{2})?"
_DATE = re.compile(rf"{_DAY}(?:[T ]{_TIME}{_ZONE})?")


class Config(Expecting):
    """Settings of the grader `numeric`."""

    of: Literal["number", "date"] = Field(
        default="number",
        description="`number`, with commas between thousands and % for hundredths; or "
        "`date`, as ISO 8601 has it, also with a time; without a zone it is UTC.",
    )
    which: Literal["only", "first", "last"] = Field(
        default="last",
        description="Which one counts if the answer has several; `only`: that is "
        "wrong.",
    )
    absolute: float = Field(
        default=0.0, ge=0, description="How far off it may be; dates in days."
    )
    relative: float = Field(
        default=0.0,
        ge=0,
        description="How far off it may be as a share of what is expected. The larger "
        "of the two counts.",
    )


class Numeric(Deciding):
    """Finds a number and compares it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the number is within the tolerance."""
        config = self._config
        try:
            wanted = self._read(expected_of(sample, config.expected))
        except Unfit as error:
            raise Unknown(f"what is expected is no {config.of}: {error}") from None
        got = self._read(value_of(sample, config.output))
        off = abs(got - wanted)
        most = config.absolute * (DAY_S if config.of == "date" else 1)
        if config.of == "number":
            most = max(most, config.relative * abs(wanted))
        right = off <= most * (1 + 1e-12)
        unit = " s" if config.of == "date" else ""
        return verdict(right, f"off by {off:.6g}{unit}, at most {most:.6g}{unit}")

    def _read(self, value: Any) -> float:
        if not isinstance(value, str):
            return number_of(value)
        pattern = _NUMBER if self._config.of == "number" else _DATE
        found = list(pattern.finditer(value))
        if not found or (self._config.which == "only" and len(found) > 1):
            raise Unfit(f"the answer has {len(found)} {self._config.of}s")
        text = found[0 if self._config.which == "first" else -1].group()
        return number(text) if self._config.of == "number" else seconds(text)


def number(text: str) -> float:
    """Return what `-1,234.5` or `12 %` is; raise Unfit if it is out of range."""
    plain = text.replace(",", "").replace("\u2212", "-")
    hundredths = plain.endswith("%")
    try:
        value = number_of(float(plain.rstrip("%")))
    except ValueError:
        raise Unfit(f"{shown(text, 60)} is no number") from None
    return value / 100 if hundredths else value


def seconds(text: str) -> float:
    """Return a date or time of ISO 8601 as seconds since 1970; raise Unfit if none."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"{shown(text, 60)} is no date") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def grader(config: Config) -> Numeric:
    """Return the grader."""
    return Numeric(config)
