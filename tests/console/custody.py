"""A small chain of custody, all of it real: data, runs, versions, an endpoint."""

import math

from roadbed.access.visible import Viewer
from roadbed.console.custody.asked import (
    ComparePage,
    Custody,
    ModelList,
    RunList,
)
from roadbed.console.custody.live import LiveCustody
from roadbed.core.reference import VersionRef
from roadbed.data.marks import Said, mark
from roadbed.data.sources import Wish
from roadbed.database.engine import open_database
from roadbed.ports.tables import Rule
from roadbed.registry.approvals import approve
from roadbed.registry.runs import Input, Intent
from roadbed.registry.versions import add_version
from tests.console.rooms import ME, Rooms
from tests.console.served import READER, Authority
from tests.control.stacks import ECHO, endpoint, hosted, resource

DATASET = resource(
    "Dataset",
    "tumors",
    """
    owner: clinic
    licence: CC0-1.0
    classification: internal
    purposes: [research]
    source: made up
    key: [id]
    checks: [{column: size, min: 0}]
    """,
)
TRIAGE = resource(
    "Model",
    "triage",
    """
    owner: research
    purposes: [research]
    prohibited_purposes: [diagnosis]
    trained: {provider: echo}
    card: {summary: Tells one from the other., limitations: [Adults only.]}
    """,
)
RULE = Rule(what="min", columns=("size",), value=0, told="size is at least 0")


class Chained(Rooms):
    """Rooms with two dataset versions, three runs, and versions that they made.

    `runs_made` are the ids of the runs, the oldest first.
    """

    def __init__(self, folder, database):
        super().__init__(folder, database)
        self.runs_made = []

    def furnish(self):
        """Make everything, and return it."""
        self.declare(ECHO, hosted(), endpoint(), DATASET, TRIAGE)
        for number, scale in ((1, 1.0), (2, 0.1)):
            self._version(number, scale)
        self.declare(
            ECHO, hosted(upstream="echo-2"), endpoint("bot", "bot@1"), *self.more
        )
        self.declare(
            ECHO, hosted(upstream="echo-2"), endpoint("bot", "bot@2"), *self.more
        )
        said = Said(bad=True, reason="centimetres for millimetres", actor=ME)
        with self.database.write() as connection:
            mark(connection, VersionRef("tumors", 2), said, self.now_us)
            approve(
                connection,
                VersionRef("triage", 1),
                "service-account:second",
                "looked at it",
                self.now_us,
            )
        self.runs.start(self.intent(3, VersionRef("tumors", 2)))
        return self

    more = (DATASET, TRIAGE)

    def intent(self, number, ref):
        """Return a run that reads the dataset version *ref*."""
        used = self.datasets.get(ref)
        return Intent(
            name="train",
            actor=ME,
            code={"commit": f"{number:040x}", "dirty": number == 2},
            environment={"python": "3.11.7", "hardware": {"cpus": 2}},
            data=(
                Input(
                    role="training",
                    dataset=used.name,
                    number=used.number,
                    digest=used.digest,
                ),
            ),
            params={"C": number / 2, "solver": "lbfgs"},
            seed=0,
        )

    def _version(self, number, scale):
        count = 60
        frame = {
            "id": list(range(count)),
            "size": [
                round((3 + n % 7) * (scale if n % 4 == 0 else 1), 3)
                for n in range(count)
            ],
            "kind": ["benign" if n % 3 else "malignant" for n in range(count)],
        }
        wish = Wish(key=("id",), rules=(RULE,))
        made = self.datasets.snapshot("tumors", frame, ME, wish)
        run = self.runs.start(self.intent(number, VersionRef("tumors", made.number)))
        for step in range(12):
            self.runs.log(run.id, {"loss": math.exp(-step / (4 * number))}, step)
        self.runs.log(run.id, {"accuracy": 0.92 if number == 1 else 0.84}, 0)
        self.runs.finish(run.id, "finished")
        self.runs_made.append(run.id)
        definition = {
            "trained": {
                "artifact": self.blobs.put([f"onnx {number}".encode()]),
                "format": "onnx",
                "provider": "echo",
                "run": run.id,
                "features": ["size"],
                **({"parent": "triage@1"} if number == 2 else {}),
                "signature": {
                    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
                    "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1]}],
                },
            }
        }
        with self.database.write() as connection:
            add_version(connection, "triage", definition, ME, self.now_us, run.id)

    def custody(self):
        """Return what somebody who may read everything sees of it."""
        viewer = Viewer(authority=Authority(), principal=READER)
        return LiveCustody(self.custody_rooms(), viewer)


def chained(folder, empty_file):
    """Return a furnished line of its own in *folder*."""
    (folder / "control.db").write_bytes(empty_file.read_bytes())
    return Chained(
        folder, open_database(f"sqlite:///{folder / 'control.db'}")
    ).furnish()


class EmptyCustody:
    """A fresh installation: no model, no dataset, no run."""

    def models(self, wanted):
        return ModelList()

    def datasets(self):
        return ()

    def runs(self, wanted, now_us):
        return RunList()

    def compare(self, run_ids, now_us, *, changes):
        return ComparePage(runs=())


class Twisted:
    """Another custody whose every answer is twisted by a function."""

    def __init__(self, custody, twist):
        self._custody, self._twist = custody, twist

    def __getattr__(self, name):
        assert name in dir(Custody), name
        answer = getattr(self._custody, name)
        return lambda *given, **named: self._twist(answer(*given, **named))
