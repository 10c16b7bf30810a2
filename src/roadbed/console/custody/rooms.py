"""What the pages of models, datasets and runs are made from, and who looks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from roadbed.access.visible import Viewer
from roadbed.console.custody.heavy import Gate
from roadbed.control.proof.prover import Prover
from roadbed.control.questions.compare import Comparer
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database
from roadbed.gateway.calls import CallLog
from roadbed.ports.blobs import Blobs
from roadbed.registry.runs import Runs
from roadbed.registry.tracking.artifacts import Artifacts

MOST_CELLS = 20_000_000
"""More values than that are compared at the command line only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms behind these pages; `gate` bounds what takes long.

    `most_cells` is how many values of two dataset versions a page compares.
    """

    database: Database
    blobs: Blobs
    datasets: Datasets
    runs: Runs
    artifacts: Artifacts
    calls: CallLog
    prover: Prover
    comparer: Callable[[Callable[[str], bool]], Comparer]
    gate: Gate = field(default_factory=Gate)
    most_cells: int = MOST_CELLS


@dataclass(frozen=True, slots=True)
class Eyes:
    """One viewer, and the rooms they look into."""

    rooms: Rooms
    viewer: Viewer
