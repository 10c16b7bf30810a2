"""One run as a whole: its record, how it stands, and what it left behind."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from roadbed.core.clock import to_text
from roadbed.database.engine import Database
from roadbed.registry.leases import Standing, standings
from roadbed.registry.recipe import Recipe, recipe_of
from roadbed.registry.runs import Run, get_run
from roadbed.registry.tracking import params
from roadbed.registry.versions import versions_of_run

UNDECLARED = "undeclared"


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun:
    """A run, and what is known of it beside its record.

    `undeclared` are dataset versions that it read past the API; `made` the model
    versions that it registered.
    """

    run: Run
    standing: Standing
    recipe: Recipe
    tags: Mapping[str, str]
    undeclared: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self.run), **asdict(self), "run": self.run.id}

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield it as labels and values, empty ones left out."""
        run, code, env = self.run, self.run.code, self.run.environment
        hardware = env.get("hardware") or {}
        ended = to_text(run.finished_us) if run.finished_us else ""
        told = {
            "run": run.id,
            "name": run.name,
            "status": self.standing + (f", {run.error}" if run.error else ""),
            "data": ", ".join(
                f"{u} ({u.role})" for u in run.data if u.role != UNDECLARED
            ),
            "undeclared": ", ".join(self.undeclared),
            "params": _pairs(run.params),
            "seed": "" if run.seed is None else str(run.seed),
            "metrics": _pairs(run.metrics),
            "tags": _pairs(self.tags),
            "commit": str(code.get("commit", "")),
            "patch": str(code.get("patch", "")),
            "bundle": str(code.get("bundle", "")),
            "recipe": " ".join(self.recipe.argv) or self.recipe.problem,
            "python": str(env.get("python", "")),
            "lock": str(env.get("lock", "")),
            "hardware": _pairs(hardware),
            "by": run.actor,
            "started": to_text(run.started_us),
            "ended": ended,
            "made": ", ".join(self.made),
        }
        yield from ((label, value) for label, value in told.items() if value)


def whole(database: Database, run_id: str, now_us: int) -> WholeRun:
    """Return the run with this id as a whole; raise NotFound."""
    with database.read() as connection:
        run = get_run(connection, run_id)
        return WholeRun(
            run=run,
            standing=standings(connection, [run], now_us)[run_id],
            recipe=recipe_of(run),
            tags=params.tags_of(connection, run_id),
            undeclared=tuple(str(u) for u in run.data if u.role == UNDECLARED),
            made=tuple(str(v) for v in versions_of_run(connection, run_id)),
        )


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
