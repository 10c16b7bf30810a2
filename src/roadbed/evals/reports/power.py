"""Before a run: how small a difference its cases can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.data.datasets import Datasets
from roadbed.data.version import DatasetVersion
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports import store
from roadbed.evals.reports.compare import pair
from roadbed.evals.reports.report import alpha_of
from roadbed.evals.running.tables import reports
from roadbed.evals.statistics.power import (
    Power,
    Spread,
    design_effect,
    detectable,
    history,
    needed,
)
from roadbed.ports.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An evaluation as it is declared, its golden set, and the digest of both."""

    spec: Evaluation
    golden: DatasetVersion
    digest: str


def power_of(
    connection: sa.Connection, datasets: Datasets, blobs: Blobs, planned: Planned
) -> Power:
    """Return what the cases of *planned* can show, from what earlier runs spread.

    Of the first grader that gates. Reads the clusters of the golden set, and at most
    two earlier reports.
    """
    spec = planned.spec
    return detectable(
        planned.golden.rows,
        spread=_spread(connection, blobs, planned),
        repeats=spec.repeats,
        design=design_effect(_clusters(datasets, planned)),
        alpha=alpha_of(spec),
    )


def told(spec: Evaluation, power: Power) -> list[str]:
    """Return what to say of *power* before the run."""
    lines = [f"{power.sentence()}"]
    gates = [use for use in spec.graders if use.gate]
    for use in gates:
        tolerance = use.gate.tolerance if use.gate else None
        if tolerance and not power.settles(tolerance):
            lines.append(
                f"{use.name}: these cases are too few to settle a tolerance of "
                f"{tolerance:g}{_enough(power, tolerance)}"
            )
    return lines


def _enough(power: Power, tolerance: float) -> str:
    """Return how many cases that spread and cluster like these would do."""
    if power.error is None or not power.effective:
        return ""
    spread = Spread(between=power.error**2 * power.effective)
    design = power.n / power.effective
    enough = needed(
        tolerance, spread=spread, design=design, alpha=power.alpha, power=power.power
    )
    return f"; about {enough:,} such cases are needed"


def _spread(connection: sa.Connection, blobs: Blobs, planned: Planned) -> Spread | None:
    """Return how the newest two versions differed under this evaluation."""
    query = (
        sa.select(reports.c.digest, reports.c.version_digest)
        .where(
            reports.c.evaluation_digest == planned.digest,
            reports.c.complete,
        )
        .order_by(reports.c.at_us.desc())
        .limit(20)
    )
    newest: dict[str, str] = {}
    for digest, version in connection.execute(query):
        newest.setdefault(version, digest)
    if len(newest) < 2:
        return None
    old, new = [store.read(blobs, digest) for digest in list(newest.values())[:2]]
    graders: Any = old["graders"]
    rows = [store.rows(blobs, said["rows"]) for said in (old, new)]
    found = pair(planned.spec, (graders, rows[0]), rows[1])
    gating = [use.name for use in planned.spec.graders if use.gate]
    names = [name for name in gating if name in found.pairs]
    return history(found.pairs[names[0]]) if names else None


def _clusters(datasets: Datasets, planned: Planned) -> Sequence[str]:
    """Return the cluster of each case, empty where the golden set has none."""
    name = planned.spec.cases.cluster
    if name not in {column.name for column in planned.golden.schema}:
        return ()
    files = datasets.paths(planned.golden)
    batches = datasets.tables.rows(files, [name])
    return [str(row[0] or "") for rows in batches for row in rows]
