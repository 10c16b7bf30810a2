"""Runs, as one viewer may see them: a list, one of them, and several side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from roadbed.console.custody import places
from roadbed.console.custody.asked import (
    Compared,
    ComparePage,
    RunList,
    RunPage,
    RunRow,
)
from roadbed.console.custody.filters import RunFilter
from roadbed.console.custody.lines import Plot, Series, plot
from roadbed.console.custody.of_models import comparer
from roadbed.console.custody.rooms import Eyes
from roadbed.console.words import amount, duration
from roadbed.control import seen
from roadbed.control.questions import differ
from roadbed.control.questions.changes import Changes
from roadbed.control.questions.runs import whole
from roadbed.registry.leases import standings
from roadbed.registry.runs import Run, get_run
from roadbed.registry.tracking import points
from roadbed.registry.tracking.records import Wanted

PAGE = 50
PLOTS = 24
"""As many metrics as one page draws."""
STEPS = 400
"""As many values as one curve has; of more, evenly many are left out."""
FILES = 200


def runs(eyes: Eyes, wanted: RunFilter, now_us: int) -> RunList:
    """Return one page of runs, newest first."""
    asked = Wanted(
        name=wanted.name,
        status=wanted.status,
        actor=wanted.actor,
        data=wanted.data,
        where=wanted.where,
    )
    before = wanted.before or None
    held = eyes.rooms.runs
    found = seen.runs_before(eyes.viewer, held, asked, before, PAGE + 1)
    with eyes.rooms.database.read() as connection:
        rows = _rows(connection, found[:PAGE], now_us)
    return RunList(rows=rows, older=found[PAGE - 1].id if len(found) > PAGE else "")


def run(eyes: Eyes, run_id: str, now_us: int) -> RunPage:
    """Return one run."""
    found = whole(eyes.rooms.database, run_id, now_us)
    files = eyes.rooms.artifacts.list(run_id)
    with eyes.rooms.database.read() as connection:
        plots, rest = _plots(connection, [found.run])
        named = {
            **{str(used): "dataset" for used in found.run.data},
            **dict.fromkeys(found.undeclared, "dataset"),
            **dict.fromkeys(found.made, "model"),
        }
        sight = seen.Sight(eyes.viewer, connection)
        pages = {
            name: _page(kind, name)
            for name, kind in named.items()
            if sight.may_see(kind, name)
        }
    return RunPage(
        whole=found,
        plots=plots,
        unplotted=rest,
        artifacts=tuple(files[:FILES]),
        unlisted=max(0, len(files) - FILES),
        hardware=_hardware(found.run),
        pages=pages,
    )


def compare(
    eyes: Eyes, run_ids: Sequence[str], now_us: int, *, changes: bool
) -> ComparePage:
    """Return the runs with these ids side by side, in this order."""
    with eyes.rooms.database.read() as connection:
        found = [get_run(connection, run_id) for run_id in run_ids]
        rows = _rows(connection, found, now_us)
        plots, rest = _plots(connection, found)
    told: Changes | None = None
    if changes and len(found) == 2:
        first, second = run_ids
        told = eyes.rooms.gate.run(lambda: comparer(eyes).of_runs(first, second))
    return ComparePage(
        runs=rows,
        params=_compared([run.params for run in found]),
        metrics=tuple(_metrics(found)),
        facts=tuple(_facts(rows)),
        plots=plots,
        unplotted=rest,
        changes=told,
    )


def _rows(
    connection: sa.Connection, found: Sequence[Run], now_us: int
) -> tuple[RunRow, ...]:
    standing = standings(connection, found, now_us)
    return tuple(RunRow(run=run, standing=standing[run.id]) for run in found)


def _page(kind: str, name: str) -> str:
    return (
        places.version_page(name)
        if kind == "model"
        else places.dataset_version_page(name)
    )


def _plots(
    connection: sa.Connection, found: Sequence[Run]
) -> tuple[tuple[Plot, ...], int]:
    """Return the plots of what has more than one step, and how many are left out."""
    ids = [run.id for run in found]
    newest = points.latest(connection, ids)
    keys = sorted({k for each in newest.values() for k, p in each.items() if p.step})
    drawn = []
    for key in keys[:PLOTS]:
        mine = [run for run in found if key in newest[run.id]]
        steps = points.sampled(connection, [r.id for r in mine], key, None, STEPS)
        drawn.append(
            plot(key, [_series(connection, run, found, key, steps) for run in found])
        )
    return tuple(drawn), max(0, len(keys) - PLOTS)


def _series(
    connection: sa.Connection,
    run: Run,
    found: Sequence[Run],
    key: str,
    steps: Sequence[int],
) -> Series:
    label = f"{found.index(run) + 1} {run.name}" if len(found) > 1 else run.name
    values = points.at_steps(connection, run.id, key, steps)
    return Series(label=label, values=tuple((float(p.step), p.value) for p in values))


def _compared(sides: Sequence[Mapping[str, Any]]) -> tuple[Compared, ...]:
    """Return each name of any side with its values, those that differ first."""
    names = dict.fromkeys(name for side in sides for name in sorted(side))
    rows = [
        Compared(
            name=str(name),
            values=tuple(
                _shown(side[name]) if name in side else None for side in sides
            ),
        )
        for name in names
    ]
    return tuple(sorted(rows, key=lambda row: (not row.differs, row.name)))


def _metrics(found: Sequence[Run]) -> Iterator[Compared]:
    names = sorted({name for run in found for name in run.metrics})
    for name in names:
        values = [run.metrics.get(name) for run in found]
        shown = tuple(None if v is None else f"{v:.6g}" for v in values)
        yield Compared(name=name, values=shown, best=_best(name, values))


def _best(name: str, values: Sequence[float | None]) -> int | None:
    """Return which run is best in a metric, None if its name does not say, or a tie."""
    known = [v for v in values if v is not None]
    judged = differ.effects({name: 0.0}, {name: 1.0})
    if len({*known}) < 2 or not judged or judged[0].better is None:
        return None
    choose = max if judged[0].better else min
    best = choose(known)
    return values.index(best) if known.count(best) == 1 else None


def _facts(rows: Sequence[RunRow]) -> Iterator[Compared]:
    """Yield what else there is to compare, one line each."""
    told = [dict(_of_record(row)) for row in rows]
    for name in dict.fromkeys(name for each in told for name in each):
        yield Compared(name=name, values=tuple(each.get(name) for each in told))


def _of_record(row: RunRow) -> Iterator[tuple[str, str | None]]:
    run, code, env = row.run, row.run.code, row.run.environment
    commit = str(code.get("commit") or "")[:12]
    yield "status", row.standing
    yield "data", ", ".join(f"{u} ({u.role})" for u in run.data) or None
    yield "commit", (commit + (" + changes" if code.get("dirty") else "")) or None
    yield "seed", None if run.seed is None else str(run.seed)
    yield "Python", str(env.get("python") or "") or None
    yield "environment", str(env.get("lock") or "")[:19] or None
    yield "hardware", _hardware(run) or None
    yield "by", run.actor
    if run.finished_us:
        yield "took", duration(run.finished_us - run.started_us)


def _shown(value: Any) -> str:
    return amount(value) if isinstance(value, float) else str(value)


def _hardware(run: Run) -> str:
    """Return in words what it ran on."""
    found = dict(run.environment.get("hardware") or {})
    if isinstance(found.get("memory"), int):
        found["memory"] = f"{found['memory'] / 1e9:.0f} GB"
    return ", ".join(f"{name} {value}" for name, value in found.items())
