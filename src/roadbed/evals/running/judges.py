"""The graders of an evaluation, loaded: what judges, under which name and digest."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

import roadbed.evals.graders
from roadbed.core import plugins
from roadbed.core.errors import Invalid, Problem
from roadbed.evals.certificates import judge_digest
from roadbed.evals.graders._judging import Asking
from roadbed.evals.grading import GRADERS, UNIT, Direction, Grader, SetGrader
from roadbed.evals.kinds import Bar, Evaluation, Use
from roadbed.evals.running.keys import grader_digest

Served = Callable[[str], str]
"""Returns the digest of what an endpoint serves; raises NotFound."""
_ASKED = ("endpoint", "endpoints", "judge")
"""Settings that name the endpoints which a grader asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A grader as one evaluation uses it."""

    name: str
    digest: str
    grader: Grader | SetGrader
    gate: Bar | None = None

    @property
    def each(self) -> Grader | None:
        """Return the grader if it judges answers one by one."""
        return None if hasattr(self.grader, "measure") else self.grader  # type: ignore[return-value]

    @property
    def whole(self) -> SetGrader | None:
        """Return the grader if it measures all answers together."""
        return self.grader if hasattr(self.grader, "measure") else None  # type: ignore[return-value]

    @property
    def direction(self) -> Direction:
        """Return which way is better."""
        return self.grader.direction

    @property
    def binary(self) -> bool:
        """Say whether every value is 0 or 1."""
        return bool(getattr(self.grader, "binary", False))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the lowest and the highest value there can be, None if nobody says."""
        return UNIT if self.binary else getattr(self.grader, "bounds", None)


def names() -> list[str]:
    """Return the names of all graders that are installed, without importing any."""
    return plugins.names(roadbed.evals.graders, GRADERS)


@cache
def module(name: str) -> ModuleType:
    """Return the grader called *name*; raise NotFound."""
    return plugins.find(roadbed.evals.graders, GRADERS, name)


def judges_of(spec: Evaluation, served: Served) -> list[Judge]:
    """Return the graders of *spec*, ready to judge.

    Raises NotFound for a grader that is not installed, and Invalid for settings that
    are none of it.
    """
    return [judge_of(use, served) for use in spec.graders]


def digests_of(spec: Evaluation, served: Served) -> dict[str, str]:
    """Return the digests of the graders of *spec*, by the names that it gives them."""
    return {use.name: _digest(use, config_of(use), served) for use in spec.graders}


def asked_by(config: BaseModel) -> list[str]:
    """Return the endpoints that a grader with *config* asks, such as a judge's."""
    said = [getattr(config, name, None) for name in _ASKED]
    flat = [n for each in said for n in (each if isinstance(each, list) else [each])]
    return [name for name in flat if isinstance(name, str) and name]


def asks_judge(config: BaseModel) -> bool:
    """Say whether a grader with *config* asks a model for its verdict."""
    return isinstance(config, Asking) and bool(asked_by(config))


def endpoints_of(use: Use) -> list[str]:
    """Return the endpoints that one grader of an evaluation asks."""
    return asked_by(config_of(use))


def certified_as(use: Use, served: Served) -> str:
    """Return the digest that certificates of *use* are for, empty if it is no judge.

    Raises NotFound for an endpoint that is not there.
    """
    config = config_of(use)
    if not asks_judge(config):
        return ""
    models = [served(name) for name in asked_by(config)]
    said = config.model_dump(mode="json")
    return judge_digest(use.grader, module(use.grader).VERSION, said, models)


def scale_of(config: Mapping[str, Any]) -> dict[str, float]:
    """Return the labels of a judge's scale in *config*, each with its grade."""
    points = {a["label"].lower(): int(a["points"]) for a in config.get("scale") or ()}
    least = min(points.values(), default=0)
    span = max(points.values(), default=0) - least or 1
    return {label: (value - least) / span for label, value in points.items()}


def judge_of(use: Use, served: Served) -> Judge:
    """Return one grader, ready to judge; raises what `judges_of` does."""
    config = config_of(use)
    return Judge(
        name=use.name,
        digest=_digest(use, config, served),
        grader=module(use.grader).grader(config),
        gate=use.gate,
    )


def _digest(use: Use, config: BaseModel, served: Served) -> str:
    said: Mapping[str, Any] = config.model_dump(mode="json")
    asks = {name: served(name) for name in asked_by(config)}
    return grader_digest(use.grader, said, module(use.grader).VERSION, asks)


def config_of(use: Use) -> BaseModel:
    """Return the settings of a grader with all defaults; raise Invalid."""
    try:
        return module(use.grader).Config(**use.config)
    except ValidationError as error:
        raise Invalid(
            f"the settings of the grader {use.name!r} are not those of {use.grader}",
            problems=tuple(_problems(use, error)),
        ) from None


def _problems(use: Use, error: ValidationError) -> Iterable[Problem]:
    for each in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in each["loc"])
        yield Problem(message=each["msg"], field=f"{use.name}.config.{where}")
