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
from roadbed.evals.grading import GRADERS, Direction, Grader, SetGrader
from roadbed.evals.kinds import Bar, Evaluation, Use
from roadbed.evals.running.keys import grader_digest

Served = Callable[[str], str]
"""Returns the digest of what an endpoint serves; raises NotFound."""
_ASKED = ("endpoint", "judge", "endpoints")


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
    return [_judge(use, served) for use in spec.graders]


def digests_of(spec: Evaluation, served: Served) -> dict[str, str]:
    """Return the digests of the graders of *spec*, by the names that it gives them."""
    return {use.name: _digest(use, _config(use), served) for use in spec.graders}


def asked_by(config: BaseModel) -> list[str]:
    """Return the endpoints that a grader with *config* asks, such as a judge's."""
    asks = getattr(config, "asks", None)
    if callable(asks):
        return list(_texts(asks()))
    found: list[Any] = [getattr(config, field, None) for field in _ASKED]
    each = [name for said in found for name in (said if _listed(said) else [said])]
    return list(_texts(each))


def _listed(said: Any) -> bool:
    return isinstance(said, list | tuple)


def _texts(found: Any) -> Iterable[str]:
    return (name for name in found if isinstance(name, str) and name)


def _judge(use: Use, served: Served) -> Judge:
    config = _config(use)
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


def _config(use: Use) -> BaseModel:
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
