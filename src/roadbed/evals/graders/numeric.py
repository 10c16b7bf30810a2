"""Whether a number or a date in the answer is near enough to what is expected."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

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
Unit = Annotated[str, Field(pattern=r"^[^\s\d.,+\-%]{1,20}$")]
Worth = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NUMBER = r"[-+\u2212]?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?%?"
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
    units: dict[Unit, Worth] = Field(
        default_factory=dict,
        max_length=100,
        description="What a number with this unit before or behind it is worth, as in "
        "`{kg: 1000, g: 1}`. Then a number in a text counts only with one of them; "
        "what is expected may be a plain number, of the unit that is worth 1.",
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

    @model_validator(mode="after")
    def _numbers_have_units(self) -> Self:
        if self.units and self.of != "number":
            raise ValueError("units are those of numbers; dates have none")
        return self


class Numeric(Deciding):
    """Finds a number and compares it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._pattern = _DATE if config.of == "date" else _with(config.units)

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the number is within the tolerance."""
        config = self._config
        try:
            wanted = self._wanted(expected_of(sample, config.expected))
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

    def _wanted(self, value: Any) -> float:
        bare = isinstance(value, str) and re.fullmatch(rf"\s*({_NUMBER})\s*", value)
        return number(bare[1]) if bare and self._config.units else self._read(value)

    def _read(self, value: Any) -> float:
        if not isinstance(value, str):
            return number_of(value)
        config = self._config
        found = [each for each in self._pattern.finditer(value) if self._counts(each)]
        if not found or (config.which == "only" and len(found) > 1):
            some = f"{len(found)} {config.of}s"
            if config.units:
                some += f" with one of the units {', '.join(config.units)}"
            raise Unfit(f"the answer has {some}")
        chosen = found[0 if config.which == "first" else -1]
        if config.of == "date":
            return seconds(chosen[0])
        worth = config.units[_unit(chosen)] if config.units else 1.0
        return number(chosen["number"]) * worth

    def _counts(self, found: re.Match[str]) -> bool:
        return not self._config.units or bool(_unit(found))


def _with(units: Iterable[str]) -> re.Pattern[str]:
    """Return what finds numbers, and one of *units* before or behind each."""
    one = "|".join(re.escape(unit) for unit in sorted(units, key=len, reverse=True))
    if not one:
        return re.compile(f"(?P<number>{_NUMBER})")
    before = rf"(?:(?<![^\W\d_])(?P<before>{one})\s?)?"
    behind = rf"(?:\s?(?P<behind>{one})(?![^\W\d_]))?"
    return re.compile(f"{before}(?P<number>{_NUMBER}){behind}")


def _unit(found: re.Match[str]) -> str:
    return found["behind"] or found["before"] or ""


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
