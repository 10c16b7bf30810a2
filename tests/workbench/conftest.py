import subprocess
from dataclasses import replace

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.visible import Viewer
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.exporters.sklearn import SklearnExporter
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.core.actor import Principal
from roadbed.core.clock import SystemClock
from roadbed.core.decision import Target
from roadbed.core.errors import Denied, NotFound
from roadbed.data.datasets import Datasets
from roadbed.registry.kinds import Model
from roadbed.registry.runs import Runs
from roadbed.workbench import Bed

MIRA = Principal(kind="service-account", name="mira", roles=frozenset({"researcher"}))
TRAINED = Model.model_validate(
    {"owner": "oncology", "purposes": ["triage"], "trained": {"provider": "here"}}
)
HOSTED = Model.model_validate(
    {"owner": "support", "hosted": {"provider": "openai", "upstream": "m-2026-01-01"}}
)
DECLARED = {"tumor-triage": TRAINED, "support-bot": HOSTED}


def exporters(name):
    if name != "sklearn":
        raise NotFound(f"no exporter is called {name!r}", hint="installed: sklearn")
    return SklearnExporter()


def models(name):
    if name not in DECLARED:
        raise NotFound(f"no model is called {name!r}", hint="declare it in the stack")
    return DECLARED[name]


def dataset(name):
    purposes = ["sales"] if name == "customers" else ["triage", "research"]
    return Target.fixed("Dataset", name, {"purposes": purposes})


class Gate:
    """Remembers what was asked for, and denies what it was told to deny."""

    def __init__(self):
        self.asked = []
        self.closed = set()

    def __call__(self, action, target):
        self.asked.append(f"{action} {target}")
        if action in self.closed:
            raise Denied(f"{action} is not allowed")


@pytest.fixture
def gate():
    return Gate()


def bed_on(database, folder, blobs, gate):
    """Return a workbench of mira's on *database*, whose code is in *folder*."""
    clock = SystemClock()
    return Bed(
        database=database,
        datasets=Datasets(database, blobs, clock, DuckdbTables()),
        runs=Runs(database, clock),
        blobs=blobs,
        clock=clock,
        exporters=exporters,
        models=models,
        declared=lambda kind, name: None,
        dataset_target=dataset,
        version_target=lambda ref: Target(kind="ModelVersion", name=str(ref)),
        actor=MIRA,
        allow=gate,
        viewer=lambda: Viewer(
            authority=compile_policies({}),
            principal=replace(MIRA, scope=frozenset() if gate.closed else None),
        ),
        folder=folder,
    )


@pytest.fixture
def make_bed(tmp_path, gate):
    def make(database, folder):
        return bed_on(database, folder, LocalBlobs(tmp_path / "blobs"), gate)

    return make


@pytest.fixture
def bed(sqlite_database, make_bed, tmp_path):
    return make_bed(sqlite_database, tmp_path)


@pytest.fixture
def repository(tmp_path):
    """A real repository with one commit of one file."""
    folder = tmp_path / "project"
    folder.mkdir()

    def git(*words):
        who = ["-c", "user.name=mira", "-c", "user.email=mira@example.org"]
        command = ["git", "-C", folder, *who, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    (folder / "train.py").write_text("C = 1.0\n")
    git("add", "train.py")
    git("commit", "-q", "-m", "first")
    return folder, git
