"""What a workbench works with, handed in by whoever builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roadbed.access.visible import Viewer
from roadbed.control.feedback import Heard, Spoken
from roadbed.core.actor import Principal
from roadbed.core.clock import Clock
from roadbed.core.decision import Target
from roadbed.core.errors import NotReady
from roadbed.core.reference import VersionRef
from roadbed.core.secret import Secret
from roadbed.data.datasets import Datasets
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.registry.exporter import Exporter
from roadbed.registry.kinds import Model
from roadbed.registry.runs import Runs
from roadbed.workbench.progress import Progress

Allow = Callable[[str, Target], None]
"""Returns if the actor may do this to that, and raises Denied if not."""


def _no_calls(spoken: Spoken) -> Heard:
    raise NotReady(f"there is no call log here to say {spoken.kind} of")


def _no_secrets(reference: str) -> Secret:
    raise NotReady(f"nothing resolves {reference} here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """One project, and in whose name it is worked on.

    `exporters` finds an exporter by the name of a library, `models` finds what was
    declared of a model, `declared` whether a kind has a resource of that name;
    `dataset_target` and `version_target` say what policies read. All raise NotFound.
    `resolve` finds a secret by its reference; `hear` keeps what is said of a call;
    `viewer` is the actor as one who sees lists, `folder` where the code is, `state` the
    state directory. `joins` is the run that `roadbed run` opened for this process, if
    it did; `pins` are versions of datasets that are read whatever the code says.
    """

    database: Database
    datasets: Datasets
    runs: Runs
    blobs: Blobs
    clock: Clock
    exporters: Callable[[str], Exporter]
    models: Callable[[str], Model]
    declared: Callable[[str, str], object]
    dataset_target: Callable[[str], Target]
    version_target: Callable[[VersionRef], Target]
    actor: Principal
    allow: Allow
    viewer: Callable[[], Viewer]
    folder: Path = Path()
    resolve: Callable[[str], Secret] = _no_secrets
    hear: Callable[[Spoken], Heard] = _no_calls
    state: Path | None = None
    joins: str = ""
    pins: Mapping[str, int] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
