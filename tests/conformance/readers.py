"""Let other readers open a dataset version by its paths: Spark, and Polars.

`python -m tests.conformance.readers [--kept FOLDER]`. They are installed into an
environment of their own; Spark needs Java. Each is given the paths that are printed by
`roadbed dataset get --paths`, and must see the rows and missing values that were kept.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import duckdb

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.core.clock import SystemClock
from roadbed.data.datasets import Datasets
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata
from tests.conformance.examine import Score
from tests.conftest import import_tables

NAME = "Spark and Polars, datasets by path"
PACKAGES = ("pyspark>=4,<5", "polars>=1,<3")
PATIENCE_S = 900
ROWS = 300_000
READERS = {
    "Spark": """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = spark.config("spark.sql.session.timeZone", "UTC").getOrCreate()
table = spark.read.parquet(*sys.argv[1:])
table.createOrReplaceTempView("t")
row = spark.sql("SELECT count(*), sum(id), sum(amount), count(city), min(city), "
                "date_format(max(made), 'yyyy-MM-dd HH:mm:ss') FROM t").first()
print(json.dumps([table.columns, list(row)]))
""",
    "Polars": """
import json, sys
import polars as pl
table = pl.scan_parquet(sys.argv[1:])
row = table.select(pl.len(), pl.col("id").sum(), pl.col("amount").sum(),
    pl.col("city").count().alias("n"), pl.col("city").min().alias("least"),
    pl.col("made").max().dt.strftime("%Y-%m-%d %H:%M:%S")).collect().row(0)
print(json.dumps([table.collect_schema().names(), list(row)]))
""",
}


def scored(folder, kept):
    """Return how the readers did; a gap if they cannot be had."""
    if shutil.which("java") is None:
        return Score(NAME, gap="Spark needs Java, and there is none")
    python = environment(kept / "readers")
    if python is None:
        return Score(NAME, gap="the readers could not be installed")
    paths, expected = version(folder)
    score = Score(NAME)
    for name, program in READERS.items():
        told = _told(python, program, paths)
        if told == expected:
            score.passed += 1
        else:
            score.wrong.append(f"{name}: {told}, not {expected}")
    return score


def environment(folder):
    """Return the interpreter of an environment with the readers, None if none."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        words = [python, "-m", "pip", "install", "-q", *PACKAGES]
        done = subprocess.run(
            words, capture_output=True, timeout=PATIENCE_S, check=False
        )
        if done.returncode:
            return None
        (folder / "ready").touch()
    return python


def version(folder):
    """Return the paths of a version of several files, and what is to be read there."""
    import_tables()
    database = open_database(f"sqlite:///{folder / 'readers.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    source = folder / "source.parquet"
    duckdb.sql(
        f"COPY (SELECT range AS id, range / 4 AS amount, CASE WHEN range % 7 = 0 THEN "
        "NULL ELSE 'c' || range % 500 END AS city, TIMESTAMP '2026-01-01' + INTERVAL "
        f"(range) SECOND AS made FROM range({ROWS})) TO '{source}'"
    )
    blobs = LocalBlobs(folder / "blobs")
    held = Datasets(database, blobs, SystemClock(), DuckdbTables())
    made = held.snapshot("orders", source, "user:ada")
    database.close()
    paths = [str(path) for path in made.paths()]
    assert len(paths) > 1
    row = duckdb.execute(
        "SELECT count(*), sum(id)::BIGINT, sum(amount), count(city), min(city), "
        "strftime(max(made), '%Y-%m-%d %H:%M:%S') FROM read_parquet(?)",
        [str(source)],
    ).fetchone()
    return paths, [["id", "amount", "city", "made"], list(row)]


def _told(python, program, paths):
    done = subprocess.run(
        [python, "-c", program, *paths],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return f"it ended with {done.returncode}: {done.stderr[-600:]}"


def main():
    """Print what the readers see; exit 1 if one sees something else."""
    words = argparse.ArgumentParser(prog="tests.conformance.readers")
    words.add_argument("--kept", type=Path, default=Path("build"))
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="roadbed-readers-") as name:
        score = scored(Path(name), chosen.kept.resolve())
    print(f"{score.name}: {score.verdict} {score.gap}", *score.wrong, sep="\n  ")
    sys.exit(bool(score.wrong))


if __name__ == "__main__":
    main()
