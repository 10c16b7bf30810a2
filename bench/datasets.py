"""A table of five million rows and its next version: Roadbed, DVC and plain copies.

```
python bench/datasets.py                      # Roadbed and plain copies
python bench/datasets.py --peers build/dvc    # also DVC, installed there
python bench/datasets.py --rows 500000
```

One Parquet file of eight columns is made a version, then the same with a change: 1 %
of the rows in one place, 1 % more at the end, one row less at the beginning, and 1 %
of the rows scattered. Printed are seconds, of which CPU, and bytes that came to be
stored, as ratios to a plain copy. Then both versions are compared by key; DVC and
copies have no row diff, so that the time of DVC's own `dvc diff`, which compares files,
stands there.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.core.clock import SystemClock
from roadbed.data.datasets import Datasets
from roadbed.data.diff import diff
from roadbed.data.sources import Wish
from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate

ROWS = 5_000_000
TABLE = """
SELECT range AS id, hash(range) % 100000 AS customer, (hash(range + 1) % 1000000) / 100
AS amount, (hash(range + 2) % 1000)::DOUBLE / 7 AS weight, 'c' || hash(range + 3) % 500
AS city, ['new', 'paid', 'sent'][1 + (hash(range + 4) % 3)::INT] AS state,
TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS at, md5(range::VARCHAR)[:12] AS note
FROM range({rows})
"""
CHANGES = {
    "1 % in one place": "SELECT * REPLACE (CASE WHEN id BETWEEN {rows} * 0.5 AND "
    "{rows} * 0.51 THEN amount + 1 ELSE amount END AS amount) FROM t ORDER BY id",
    "1 % appended": "SELECT * FROM t UNION ALL SELECT * REPLACE (id + {rows} AS id) "
    "FROM t WHERE id < {rows} * 0.01 ORDER BY id",
    "one row less": "SELECT * FROM t WHERE id <> 5 ORDER BY id",
    "1 % scattered": "SELECT * REPLACE (CASE WHEN hash(id) % 100 = 0 THEN amount + 1 "
    "ELSE amount END AS amount) FROM t ORDER BY id",
}


class Roadbed:
    """Datasets as the command line makes them, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        database = open_database(f"sqlite:///{folder / 'control.db'}")
        migrate(database)
        self.held = Datasets(
            database, LocalBlobs(folder / "blobs"), SystemClock(), DuckdbTables()
        )

    def keep(self, file: Path) -> None:
        """Keep *file* as the next version."""
        self.held.snapshot("orders", file, "bench", Wish(key=("id",)))

    def compare(self) -> str:
        """Compare the newest version with the one before, and say what is told."""
        newest, before = self.held.list("orders")[:2]
        rows = diff(self.held, before, newest).rows
        return f"{rows.added} added, {rows.removed} removed, {rows.changed} changed"


class Copies:
    """A copy of the file for each version, and no diff."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, file: Path) -> None:
        """Keep *file* as the next version."""
        shutil.copyfile(
            file, self.folder / f"{len(list(self.folder.iterdir()))}.parquet"
        )

    def compare(self) -> str:
        """Compare the newest version with the one before, and say what is told."""
        return "none"


class Dvc:
    """A DVC project with Git, as its own manual begins one."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder, self.program = folder, program.resolve()
        self._run("git", "init", "-q")
        self._run("git", "config", "user.email", "bench@example.org")
        self._run("git", "config", "user.name", "bench")
        self._dvc("init", "-q")
        self._dvc("config", "core.analytics", "false")

    def keep(self, file: Path) -> None:
        """Keep *file* as the next version."""
        shutil.copyfile(file, self.folder / "orders.parquet")
        self._dvc("add", "-q", "orders.parquet")
        self._run("git", "add", "-A")
        self._run("git", "commit", "-q", "-m", "version")

    def compare(self) -> str:
        """Compare the newest version with the one before, and say what is told."""
        self._dvc("diff", "HEAD~1")
        return "one file changed"

    def _dvc(self, *words: str) -> None:
        self._run(str(self.program), *words)

    def _run(self, *words: str) -> None:
        folder = {"PATH": f"{self.program.parent}:{os.environ['PATH']}"}
        subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, **folder, "DVC_NO_ANALYTICS": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
        )


def stored(folder: Path) -> int:
    """Return the bytes of all files in *folder*, DVC's own copy in the tree apart."""
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    kept = (p for p in files if p.name not in ("orders.parquet", "control.db"))
    return sum(p.stat().st_size for p in kept)


def cpu_s() -> float:
    """Return the CPU time of this process and of those that it waited for."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in whose]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(work: object, *given: Path) -> tuple[str, object]:
    """Return how long *work* took, of which CPU, and what it said."""
    start, spent = time.perf_counter(), cpu_s()
    said = work(*given)  # pyright: ignore[reportCallIssue]
    took = time.perf_counter() - start
    return f"{took:.1f} ({cpu_s() - spent:.1f})", said


def tables(folder: Path, rows: int) -> Iterator[tuple[str, Path]]:
    """Write the table and its changes, and yield them by name."""
    engine = duckdb.connect()
    engine.execute(f"CREATE TABLE t AS {TABLE.format(rows=rows)}")
    for name, query in {"first": "SELECT * FROM t ORDER BY id", **CHANGES}.items():
        file = folder / f"{name.replace(' ', '-').replace('%', 'percent')}.parquet"
        engine.execute(f"COPY ({query.format(rows=rows)}) TO '{file}'")
        yield name, file


def dvc(folder: Path) -> Path:
    """Return DVC's program in the environment *folder*, which is made if need be."""
    program = folder / "bin" / "dvc"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "dvc"]
        subprocess.run(pip, check=True)
    return program


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    words.add_argument("--rows", type=int, default=ROWS)
    words.add_argument("--peers", type=Path, help="a folder for DVC")
    chosen = words.parse_args()
    makers = {"copy": Copies, "roadbed": Roadbed}
    if chosen.peers:
        program = dvc(chosen.peers)
        makers["dvc"] = lambda folder: Dvc(folder, program)
    with tempfile.TemporaryDirectory() as scratch:
        made = dict(tables(Path(scratch), chosen.rows))
        size = made["first"].stat().st_size
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        print(f"{chosen.rows:,} rows, {size / 1e6:.0f} MB of Parquet, load {load}")
        heads = f"{'first s':>14}{'next s':>14}{'stored':>8}"
        print(f"{'change':<18}{'by':<9}{heads}  diff s")
        for change in CHANGES:
            for name, maker in makers.items():
                with tempfile.TemporaryDirectory() as folder:
                    held = maker(Path(folder))
                    first, _ = timed(held.keep, made["first"])
                    before = stored(Path(folder))
                    again, _ = timed(held.keep, made[change])
                    grown = (stored(Path(folder)) - before) / size
                    took, said = timed(held.compare)
                print(
                    f"{change:<18}{name:<9}{first:>14}{again:>14}{grown:>8.1%}"
                    f"  {took}, {said}",
                    flush=True,
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {peak:.0f} MB")


if __name__ == "__main__":
    main()
