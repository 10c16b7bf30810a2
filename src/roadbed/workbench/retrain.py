"""Train every model again that rests on bad data: their recipes, on good data."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from typing import Any

from roadbed.control.questions.lineage import affected, uses_of
from roadbed.core.clock import to_us
from roadbed.core.errors import Invalid, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.data.marks import newest_good
from roadbed.ports.code import Code
from roadbed.registry import retrains
from roadbed.registry.leases import standings
from roadbed.registry.retrains import Job
from roadbed.registry.versions import get_version, versions_of_run
from roadbed.workbench.bed import Bed
from roadbed.workbench.repeat import Again, checked, repeat

_POLL_S = 0.2
_STARTS_US = 10_000_000
"""How long a job may take from being taken to having a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """What came of it: one job for each model, those that are served first."""

    because: str
    instead: str
    jobs: tuple[Job, ...]

    @property
    def exit_code(self) -> int:
        """Return 0 if every model has a candidate, 3 if one has none."""
        return 0 if all(job.status == "done" for job in self.jobs) else 3

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield it as lines of text."""
        done = sum(job.status == "done" for job in self.jobs)
        yield (
            f"{done} of {len(self.jobs)} models trained again on {self.instead} "
            f"instead of {self.because}; candidates are registered, not served"
        )
        for job in self.jobs:
            told = job.made or job.error
            yield f"  {job.version:<28}{job.status:<9}{told}"


def retrain(
    bed: Bed, code: Code, because: VersionRef, instead: VersionRef | None, workers: int
) -> Iterator[Job | Retrained]:
    """Yield each job as it moves, and in the end what came of all.

    What an earlier call finished is not done again, so it can be killed and called
    anew. Raises Invalid if *instead* is not another version of the same dataset.
    """
    target = _instead(bed, because, instead)
    with bed.database.read() as connection:
        chosen = affected(uses_of(connection, because))
    order = [use.version for use in chosen]
    for version in order:
        bed.allow("version.retrain", bed.version_target(parse(version)))
    with bed.database.write() as connection:
        retrains.plan(connection, str(because), str(target), order)
    open_ = [job for job in _jobs(bed, because, target) if job.status != "done"]
    open_ = _in_order(open_, order)
    with ThreadPoolExecutor(workers, "roadbed-retrain") as pool:
        futures = [pool.submit(_work, bed, code, job) for job in open_]
        for future in as_completed(futures):
            yield future.result()
    yield Retrained(
        because=str(because),
        instead=str(target),
        jobs=tuple(_in_order(_jobs(bed, because, target), order)),
    )


def _instead(bed: Bed, because: VersionRef, instead: VersionRef | None) -> VersionRef:
    bed.datasets.get(because)
    if instead is None:
        with bed.database.read() as connection:
            instead = newest_good(connection, because.name)
    if instead.name != because.name or instead == because:
        raise Invalid(
            f"there is no other version of {because.name} to train on",
            hint="make a good one, or name it: --with "
            f"{because.name}@N; `roadbed dataset mark {because} --bad` says that "
            "this one is not to be taken",
        )
    bed.datasets.get(instead)
    return instead


def _work(bed: Bed, code: Code, job: Job) -> Job:
    """Train one version again and record how that went, unless another did."""
    job = _settled(bed, job)
    if job.status == "done":
        return job
    taken = replace(job, status="running", error="", run_id="", at_us=_now(bed))
    with bed.database.write() as connection:
        mine = retrains.claim(connection, job, taken)
    if not mine:
        return _work(bed, code, _fresh(bed, job))
    try:
        made, run_id = _again(bed, code, taken)
    except RoadbedError as error:
        return _write(bed, replace(taken, status="failed", error=error.message))
    return _write(bed, replace(taken, status="done", made=made, run_id=run_id))


def _again(bed: Bed, code: Code, job: Job) -> tuple[str, str]:
    target = parse(job.instead)
    with bed.database.read() as connection:
        version = get_version(connection, parse(job.version))
    run = bed.runs.get(str(version.body.get("run") or version.run_id or ""))
    checked(run)
    pins = {used.dataset: used.number for used in run.data}
    pins[target.name] = target.number

    def begun(run_id: str) -> None:
        _write(bed, replace(job, run_id=run_id))

    ended = repeat(bed, code, Again(run=run, pins=pins, quiet=True, begun=begun))
    if ended.run.status != "finished":
        raise Invalid(f"run {ended.run.id} {ended.run.status}: {ended.run.error}")
    made = _made(bed, replace(job, run_id=ended.run.id))
    if not made:
        raise Invalid(f"run {ended.run.id} registered no version of {version.model}")
    return made, ended.run.id


def _settled(bed: Bed, job: Job) -> Job:
    """Return *job* once no other process is at it; done, if what it made is there."""
    while _goes_on(bed, job):
        time.sleep(_POLL_S)
        job = _fresh(bed, job)
    made = _made(bed, job) if job.status == "running" else ""
    return _write(bed, replace(job, status="done", made=made)) if made else job


def _goes_on(bed: Bed, job: Job) -> bool:
    """Say whether a process is at *job* at this moment."""
    if job.status != "running":
        return False
    if not job.run_id:
        return _now(bed) - job.at_us < _STARTS_US
    run = bed.runs.get(job.run_id)
    with bed.database.read() as connection:
        return standings(connection, [run], _now(bed))[run.id] == "running"


def _made(bed: Bed, job: Job) -> str:
    """Return the version of its model that the run of *job* made, if any."""
    model = parse(job.version).name
    with bed.database.read() as connection:
        found = versions_of_run(connection, job.run_id) if job.run_id else []
    return next((str(v) for v in reversed(found) if v.model == model), "")


def _fresh(bed: Bed, job: Job) -> Job:
    known = _jobs(bed, parse(job.because), parse(job.instead))
    return next(each for each in known if each.version == job.version)


def _jobs(bed: Bed, because: VersionRef, instead: VersionRef) -> list[Job]:
    with bed.database.read() as connection:
        return retrains.jobs(connection, str(because), str(instead))


def _in_order(jobs: Sequence[Job], order: Sequence[str]) -> list[Job]:
    place = {version: at for at, version in enumerate(order)}
    return sorted(jobs, key=lambda job: (place.get(job.version, -1), job.version))


def _write(bed: Bed, job: Job) -> Job:
    told = replace(job, at_us=_now(bed))
    with bed.database.write() as connection:
        retrains.write(connection, told)
    return told


def _now(bed: Bed) -> int:
    return to_us(bed.clock.now())
