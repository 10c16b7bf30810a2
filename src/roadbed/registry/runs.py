"""Runs: what was executed, on which data, with which code, by whom, and the result.

A run is written twice: when it starts, so that even a crash leaves a trace, and
when it ends. In between its status is `started`, and what it logs is written beside
the record: `roadbed.registry.tracking`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.clock import Clock, to_text, to_us
from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Conflict, NotFound
from roadbed.core.ids import Uuid7
from roadbed.data import card, lineage
from roadbed.database.engine import Database
from roadbed.registry.plain import metric, plain
from roadbed.registry.tables import runs
from roadbed.registry.tracking import native, points
from roadbed.registry.tracking import params as kept_params
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.points import Point
from roadbed.registry.tracking.records import Wanted

Status = Literal["started", "finished", "failed"]
_ALL = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A dataset version that a run read, and what for (`training`, `test`, …)."""

    role: str
    dataset: str
    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.dataset}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is known before the work begins.

    `code` and `environment` say what was observed on the machine, without naming
    it; `seed` is whatever fixes the randomness, in the trainer's own terms; `tenant`
    is that of the actor, and the run's for good.
    """

    name: str
    actor: str
    code: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: tuple[Input, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: Any = None
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(Intent):
    """One execution, as it is recorded. Times are UTC microseconds."""

    id: str
    status: Status
    started_us: int
    error: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    finished_us: int | None = None

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return card.line(f"{self.name} {self.id}", self._facts())

    def _repr_html_(self) -> str:
        return card.table(f"{self.name} {self.id}", self._facts())

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the whole record; the audit log holds it too."""
        content = {name: plain(value) for name, value in asdict(self).items()}
        if self.tenant == DEFAULT_TENANT:
            del content["tenant"]  # as in records from before there were tenants
        return digest_of(content)

    def _facts(self) -> dict[str, object]:
        ended = {} if self.finished_us is None else {"ended": to_text(self.finished_us)}
        commit = str(self.code.get("commit", ""))[:12]
        return {
            "status": self.status,
            "error": self.error,
            "data": ", ".join(str(item) for item in self.data),
            "commit": commit + (" + changes" if self.code.get("dirty") else ""),
            "environment": short(str(self.environment.get("lock", ""))),
            "params": _told(self.params),
            "metrics": _told(self.metrics),
            "by": self.actor,
            "started": to_text(self.started_us),
            **ended,
        }


class Runs:
    """Records runs, and finds them."""

    def __init__(
        self, database: Database, clock: Clock, new_id: Callable[[], str] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id or Uuid7()

    def start(self, intent: Intent) -> Run:
        """Record that the work begins, and return the run with its id."""
        with self._database.write() as connection:
            run = self.begin(connection, intent)
            who = Who(tenant=run.tenant, actor=run.actor, now_us=run.started_us)
            native.show(connection, who, run.id, run.name)
            native.read(connection, run.id, map(_shown, run.data))
            return run

    def begin(self, connection: sa.Connection, intent: Intent) -> Run:
        """Record that the work begins, in the caller's transaction."""
        known = {name: getattr(intent, name) for name in Intent.__dataclass_fields__}
        run = Run(**known, id=self._new_id(), status="started", started_us=self._now())
        row = _row(run)
        connection.execute(runs.insert().values(row))
        kept_params.add(connection, run.id, row["params"])
        lineage.link(connection, _read_by(run))
        append(connection, run.started_us, _entry(run))
        return _read(row)

    def log(
        self, run_id: str, metrics: Mapping[str, Any], step: int | None = None
    ) -> Run:
        """Add a point to each of *metrics* of a run that is under way.

        Without a *step* a point is newer than all before it. The record ends with
        the newest of each. Raises NotFound, Conflict if the run has ended, Invalid if
        a value is no number.
        """
        numbers = {name: metric(name, value) for name, value in metrics.items()}
        with self._database.write() as connection:
            run = _under_way(connection, run_id)
            known = points.latest(connection, [run_id])[run_id]
            at_us = self._now()
            new = [
                Point(key=k, value=v, step=_step(known.get(k), step), at_us=at_us)
                for k, v in numbers.items()
            ]
            points.add(connection, run_id, new)
            return _with_metrics(connection, [run])[0]

    def amend(self, run_id: str, params: Mapping[str, Any]) -> Run:
        """Add parameters that became known while the run is under way.

        Raises NotFound, Conflict if the run has ended or has another value.
        """
        with self._database.write() as connection:
            return amend(connection, run_id, params, self._now())

    def join(self, run_id: str, seen: Mapping[str, Any]) -> Run:
        """Add what a process of the run that is under way has *seen*, in the log too.

        Keys are those of the record: `name`, `code`, `environment` and `seed` take the
        place of what is there; `data` is added to it. Raises NotFound, or Conflict if
        the run has ended.
        """
        with self._database.write() as connection:
            run = join(connection, run_id, seen, self._now())
            native.read(connection, run_id, map(_shown, seen.get("data", ())))
            return run

    def finish(self, run_id: str, status: Status, error: str = "") -> Run:
        """Record how the run ended; raise NotFound, or Conflict if it had ended."""
        with self._database.write() as connection:
            return self.end(connection, run_id, status, error)

    def end(
        self, connection: sa.Connection, run_id: str, status: Status, error: str = ""
    ) -> Run:
        """Record how the run ended, in the caller's transaction."""
        run = _with_metrics(connection, [_under_way(connection, run_id)])[0]
        ended = {"status": status, "error": error, "finished_us": self._now()}
        run = _change(connection, run_id, metrics=plain(run.metrics), **ended)
        native.end(connection, run_id, status, self._now())
        append(connection, self._now(), _entry(run))
        return run

    def get(self, run_id: str) -> Run:
        """Return the run; raise NotFound."""
        with self._database.read() as connection:
            return get_run(connection, run_id)

    def list(
        self,
        name: str | None = None,
        limit: int = 100,
        *,
        tenant: str | None = None,
        before: str | None = None,
        wanted: Wanted = _ALL,
    ) -> list[Run]:
        """Return the newest runs first: all, or those called *name*, or of a *tenant*.

        *before* is the id of the last run that was seen; *wanted* narrows further.
        """
        query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if name is not None:
            query = query.where(runs.c.name == name)
        if tenant is not None:
            query = query.where(runs.c.tenant == tenant)
        if before is not None:
            query = query.where(runs.c.id < before)
        query = query.where(*wanted.conditions(self._database.dialect))
        with self._database.read() as connection:
            found = [_read(row) for row in connection.execute(query).mappings()]
            return _with_metrics(connection, found)

    def _now(self) -> int:
        return to_us(self._clock.now())


def amend(
    connection: sa.Connection, run_id: str, params: Mapping[str, Any], now_us: int
) -> Run:
    """Add parameters to a run that is under way, in the caller's transaction."""
    run = _under_way(connection, run_id)
    told = plain(params)
    for name, value in told.items():
        if plain(run.params.get(name, value)) != value:
            raise Conflict(
                f"parameter {name!r} of run {run_id} is {run.params[name]!r}; "
                "it stays so",
                hint="start another run with other parameters",
            )
    new = {n: v for n, v in told.items() if n not in run.params}
    # A text is searched for as it was given, however long; the record keeps a part.
    whole = {n: p if isinstance(p := params.get(n), str) else v for n, v in new.items()}
    kept_params.add(connection, run_id, whole)
    changed = _change(connection, run_id, params=plain({**run.params, **new}))
    if new:
        append(connection, now_us, _entry(replace(changed, metrics={})))
    return changed


def join(
    connection: sa.Connection, run_id: str, seen: Mapping[str, Any], now_us: int
) -> Run:
    """Add what was *seen* to a run under way, in the caller's transaction."""
    run = _under_way(connection, run_id)
    new = [used for used in seen.get("data", ()) if used not in run.data]
    row = _row(replace(run, **{**seen, "data": (*run.data, *new)}))
    changed = ("name", "code", "environment", "seed", "data")
    run = _change(connection, run_id, **{name: row[name] for name in changed})
    lineage.link(connection, _read_by(run))
    append(connection, now_us, _entry(replace(run, metrics={})))
    return run


def get_run(connection: sa.Connection, run_id: str) -> Run:
    """Return the run with this id; raise NotFound."""
    row = connection.execute(_by_id(run_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}")
    return _with_metrics(connection, [_read(row)])[0]


def _under_way(connection: sa.Connection, run_id: str) -> Run:
    row = connection.execute(_by_id(run_id).with_for_update()).mappings().first()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}")
    if row["status"] != "started":
        raise Conflict(
            f"run {run_id} has {row['status']}; its record is closed",
            hint="start another run",
        )
    return _read(row)


def _with_metrics(connection: sa.Connection, found: Sequence[Run]) -> list[Run]:
    """Return the runs as they stand: those under way with what they logged so far."""
    going = [run.id for run in found if run.status == "started"]
    logged = points.latest(connection, going) if going else {}
    return [
        replace(run, metrics={**run.metrics, **_values(logged[run.id])})
        if run.id in logged
        else run
        for run in found
    ]


def _values(newest: Mapping[str, Point]) -> dict[str, float]:
    return {key: point.value for key, point in newest.items()}


def _step(known: Point | None, step: int | None) -> int:
    if step is not None:
        return step
    return 0 if known is None else known.step + 1


def _read_by(run: Run) -> list[lineage.Edge]:
    src = lineage.run(run.id)
    return [
        lineage.Edge(src, lineage.READ, lineage.dataset(used), used.role)
        for used in run.data
    ]


def _shown(used: Input) -> native.Read:
    return native.Read(version=str(used), digest=used.digest, role=used.role)


def _change(connection: sa.Connection, run_id: str, **values: Any) -> Run:
    connection.execute(runs.update().where(runs.c.id == run_id).values(**values))
    return get_run(connection, run_id)


def _by_id(run_id: str) -> sa.Select[Any]:
    return sa.select(runs).where(runs.c.id == run_id)


def _row(run: Run) -> dict[str, Any]:
    row = {name: getattr(run, name) for name in runs.c.keys()}  # noqa: SIM118
    row["data"] = [asdict(item) for item in run.data]
    for name in ("code", "environment", "params", "seed", "metrics"):
        row[name] = plain(row[name])
    return row


def _read(row: Mapping[Any, Any]) -> Run:
    values = dict(row)
    values["data"] = tuple(Input(**item) for item in values["data"])
    values["metrics"] = {n: float(v) for n, v in values["metrics"].items()}
    return Run(**values)


def _entry(run: Run) -> Entry:
    return Entry(
        actor=run.actor,
        action="run.write",
        resource=f"Run/{run.id}",
        detail={"run": run.name, "status": run.status, "digest": run.digest},
    )


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
