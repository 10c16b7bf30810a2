"""How long the registry takes to answer each question, for a company of some size.

50 people with 50 models of 20 versions each: 50,000 versions and as many runs, and an
endpoint for each model. Prints the median and the slowest of each question, its CPU
time, and whether all stay under 200 ms. `bench/registry.py 5` makes a tenth of the
people, and `bench/registry.py 50 FOLDER` keeps what it made, and finds it there.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.code.git import GitCode
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.control.questions.compare import Comparer
from roadbed.control.questions.lineage import affected, lineage_of, uses_of
from roadbed.control.questions.runs import whole
from roadbed.control.questions.standing import condemned_now, status_of
from roadbed.control.tables import resources, snapshots
from roadbed.core.clock import SystemClock
from roadbed.core.digest import digest_of
from roadbed.core.reference import VersionRef
from roadbed.data import lineage
from roadbed.data.datasets import Datasets
from roadbed.data.marks import Said, mark
from roadbed.data.tables import edges
from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate
from roadbed.registry.runs import Runs
from roadbed.registry.tables import model_versions, runs

SEED = 20261126
MODELS, VERSIONS, DATASETS, ROWS = 50, 20, 10, 2_000
LIMIT_MS, ASKED = 200, 20
COLUMNS = ("age", "size", "texture", "smoothness", "target")


def main() -> None:
    """Fill a registry, ask, and print."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(f"seed {SEED}, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else name)
        folder.mkdir(exist_ok=True)
        known = (folder / "control.db").exists()
        database = open_database(f"sqlite:///{folder / 'control.db'}")
        migrate(database)
        blobs, clock = LocalBlobs(folder / "blobs"), SystemClock()
        datasets = Datasets(database, blobs, clock, DuckdbTables())
        line = Line(database, blobs, datasets, Runs(database, clock))
        begun = time.perf_counter()
        if not known:
            line.fill(people)
        print(
            f"{people * MODELS:,} models, {people * MODELS * VERSIONS:,} versions, "
            f"filled in {time.perf_counter() - begun:.0f} s"
        )
        sys.exit(0 if line.ask(people) else 1)


class Line:
    """A registry that is filled and asked."""

    def __init__(self, database, blobs, datasets, found) -> None:
        self.database, self.blobs = database, blobs
        self.datasets, self.runs = datasets, found
        self.chance = random.Random(SEED)

    def fill(self, people) -> None:
        """Write versions of data, models and runs, and endpoints that pin them."""
        data = {
            f"data-{n}": [self._snapshot(f"data-{n}", shift) for shift in (0, 1, 2)]
            for n in range(DATASETS)
        }
        locks = [self.blobs.put([f"scikit-learn==1.{n}\n".encode()]) for n in (8, 9)]
        with self.database.write() as connection:
            for person in range(people):
                rows = [
                    self._version(person, model, number, data, locks)
                    for model in range(MODELS)
                    for number in range(1, VERSIONS + 1)
                ]
                for table, at in ((runs, 0), (model_versions, 1)):
                    connection.execute(table.insert(), [row[at] for row in rows])
                connection.execute(edges.insert(), [e for row in rows for e in row[2]])
            self._endpoints(connection, people)
            said = Said(bad=True, reason="another unit", actor="user:p0")
            mark(connection, VersionRef("data-0", 3), said, 1)

    def _snapshot(self, name, shift):
        rows = {
            column: [
                self.chance.gauss(shift * (column == "size"), 1) for _ in range(ROWS)
            ]
            for column in COLUMNS
        }
        return self.datasets.snapshot(name, rows, "user:p0")

    def _version(self, person, model, number, data, locks):
        name, run_id = f"m-{person}-{model}", f"{person:03}-{model:03}-{number:03}"
        used = data[f"data-{model % DATASETS}"][number % 3]
        actor = f"user:p{person}"
        read = {"role": "training", "dataset": used.name, "number": used.number}
        run = {
            "id": run_id,
            "name": name,
            "status": "finished",
            "error": "",
            "code": {"commit": f"{number // 5:040x}", "patch": "", "dirty": False},
            "environment": {"python": "3.11", "lock": locks[number % 2]},
            "data": [{**read, "digest": used.digest}],
            "params": {"C": number / 10},
            "seed": 0,
            "metrics": {"accuracy": self.chance.uniform(0.8, 0.95)},
            "actor": actor,
            "started_us": number,
            "finished_us": number,
            "tenant": "default",
        }
        body = {"provider": "here", "features": list(COLUMNS[:-1]), "run": run_id}
        definition = {"trained": {**body, "artifact": used.digest, "format": "onnx"}}
        version = {
            "model": name,
            "number": number,
            "digest": digest_of(definition),
            "definition": definition,
            "run_id": run_id,
            "created_us": number,
            "actor": actor,
        }
        node, at = lineage.run(run_id), lineage.model(f"{name}@{number}")
        source = lineage.dataset(used)
        return (
            run,
            version,
            [
                {"src": node, "kind": lineage.READ, "dst": source, "role": "training"},
                {"src": at, "kind": lineage.MADE_BY, "dst": node, "role": ""},
            ],
        )

    def _endpoints(self, connection, people) -> None:
        rows = []
        for person in range(people):
            for model in range(MODELS):
                for revision, number in enumerate((17, 19, 20), 1):
                    name = f"m-{person}-{model}"
                    content = endpoint(name, number)
                    rows.append(
                        {
                            "kind": "Endpoint",
                            "name": name,
                            "revision": revision,
                            "snapshot": revision,
                            "change": "follow" if revision > 1 else "create",
                            "state": "live",
                            "content": content,
                            "digest": digest_of(content),
                            "file": "endpoints.yaml",
                            "line": 1,
                            "applied_by": f"user:p{person}",
                            "applied_us": revision,
                        }
                    )
        connection.execute(resources.insert(), rows)
        content = {"resources": {}}
        for revision in (1, 2, 3):
            connection.execute(
                snapshots.insert().values(
                    revision=revision,
                    digest=digest_of({**content, "n": revision}),
                    content={**content, "n": revision},
                    applied_by="user:p0",
                    applied_us=revision,
                )
            )

    def ask(self, people) -> bool:
        """Ask each question of several models; return whether all were in time."""
        comparer = Comparer(
            database=self.database,
            datasets=self.datasets,
            runs=self.runs,
            blobs=self.blobs,
            code=GitCode(),
        )

        def any_model():
            return f"m-{self.chance.randrange(people)}-{self.chance.randrange(MODELS)}"

        def on(work):
            def asked():
                with self.database.read() as connection:
                    return work(connection)

            return asked

        def diff():
            name = any_model()
            return comparer.of_versions(VersionRef(name, 5), VersionRef(name, 7))

        def some_data():
            return VersionRef(f"data-{self.chance.randrange(DATASETS)}", 1)

        questions = {
            "what changed between @5 and @7": diff,
            "where does its data come from": on(
                lambda c: lineage_of(c, VersionRef(any_model(), 18))
            ),
            "is #17 in production or replaced": on(
                lambda c: status_of(c, VersionRef(any_model(), 17))
            ),
            "which models rest on this data": on(lambda c: uses_of(c, some_data())),
            "which must be trained again": on(
                lambda c: affected(uses_of(c, VersionRef("data-0", 3)))
            ),
            "what is served and rests on bad data": on(condemned_now),
            "what did run R do": lambda: whole(self.database, f"000-{7:03}-{9:03}", 0),
        }
        return all([measure(name, work) for name, work in questions.items()])


def endpoint(name, number):
    """Return the content of an endpoint that pins a version."""
    return {
        "apiVersion": "roadbed/v1",
        "kind": "Endpoint",
        "metadata": {"name": name, "labels": {}},
        "spec": {"model": f"{name}@{number}", "stage": "production"},
    }


def measure(name, work) -> bool:
    """Ask, print how long it took, and return whether it was in time."""
    work()
    took, spent = [], time.process_time()
    for _ in range(ASKED):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    cpu = (time.process_time() - spent) / ASKED * 1000
    middle = statistics.median(took)
    word = "" if middle < LIMIT_MS else f"  over {LIMIT_MS} ms"
    slowest = f"slowest {max(took):7.1f} ms, CPU {cpu:7.1f} ms"
    print(f"{name:<38}{middle:8.1f} ms, {slowest}{word}", flush=True)
    return middle < LIMIT_MS


if __name__ == "__main__":
    main()
