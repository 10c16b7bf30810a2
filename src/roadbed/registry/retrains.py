"""Which versions were trained again because of bad data, and how far that has come."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import sqlalchemy as sa

from roadbed.registry.tables import retrain_jobs

State = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One version to train again, on *instead* in place of *because*.

    `made` is the candidate that came out, `run_id` the run that made it, `error` why
    there is none. Time is UTC µs.
    """

    because: str
    instead: str
    version: str
    status: State = "waiting"
    run_id: str = ""
    made: str = ""
    error: str = ""
    at_us: int = 0


def plan(
    connection: sa.Connection, because: str, instead: str, versions: Iterable[str]
) -> list[Job]:
    """Return a job for each of *versions*; those on record stay as they are."""
    known = {job.version: job for job in jobs(connection, because, instead)}
    for version in versions:
        if version not in known:
            known[version] = Job(because=because, instead=instead, version=version)
            row = asdict(known[version])
            connection.execute(retrain_jobs.insert().values(**row))
    return list(known.values())


def jobs(connection: sa.Connection, because: str, instead: str) -> list[Job]:
    """Return what is on record of training again on *instead*, by version."""
    query = (
        sa.select(retrain_jobs)
        .where(retrain_jobs.c.because == because, retrain_jobs.c.instead == instead)
        .order_by(retrain_jobs.c.version)
    )
    return [Job(**row) for row in connection.execute(query).mappings()]


def claim(connection: sa.Connection, was: Job, job: Job) -> bool:
    """Record *job* if its record is still as it *was*, and say whether it was."""
    same = (retrain_jobs.c.status == was.status, retrain_jobs.c.at_us == was.at_us)
    query = retrain_jobs.update().where(*_one(job), *same)
    return connection.execute(query.values(**asdict(job))).rowcount == 1


def write(connection: sa.Connection, job: Job) -> None:
    """Record how far *job* has come."""
    query = retrain_jobs.update().where(*_one(job))
    connection.execute(query.values(**asdict(job)))


def _one(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        retrain_jobs.c.because == job.because,
        retrain_jobs.c.instead == job.instead,
        retrain_jobs.c.version == job.version,
    )
