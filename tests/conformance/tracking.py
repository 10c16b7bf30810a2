"""`python -m tests.conformance.tracking`: let MLflow's own client examine a server.

Each version is installed into an environment of its own by its ordinary command, and
runs `mlflow_client.py` there. Nothing of ours depends on mlflow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from roadbed.identity.keys import create_key
from tests.conformance.examine import Score
from tests.control.stacks import OPERATOR, resource
from tests.served_line import ServedLine

NAME = "mlflow, our cases"
VERSIONS = {
    "2.22": ("mlflow>=2.22,<2.23", "setuptools<81"),
    "3.17": ("mlflow==3.17.2",),
}
BESIDE = ("lightgbm",)
CLIENT = Path(__file__).with_name("mlflow_client.py")
PATIENCE_S = 1_800
DAY_US = 86_400_000_000


def environment(version, kept):
    """Return the interpreter of an environment with this version of mlflow."""
    folder = kept / f"mlflow-{version}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        quiet = "--disable-pip-version-check"
        subprocess.run([*install, quiet, *VERSIONS[version], *BESIDE], check=True)
        (folder / "ready").touch()
    return python


def scores(kept, cases=()):
    """Return how each version of the client did."""
    with tempfile.TemporaryDirectory(prefix="roadbed-mlflow-") as name:
        line = ServedLine(Path(name))
        line.apply(
            OPERATOR,
            resource("ServiceAccount", "scientist", "roles: [researcher]\nkeys: true"),
        )
        flowers = {"petal": [1.5, 2.5]}
        line.app.datasets.snapshot("flowers", flowers, "service-account:scientist")
        key = key_of(line.app)
        line.start()
        try:
            for version in VERSIONS:
                python = environment(version, kept)
                yield examined(version, python, line.url, key, cases)
        finally:
            line.stop()


def key_of(app):
    """Return a new key of the scientist."""
    told = {"now_us": app.now_us(), "lifetime_us": DAY_US, "created_by": "test"}
    with app.database.write() as connection:
        return create_key(connection, "scientist", **told).secret.reveal()


def examined(version, python, url, key, cases=()):
    """Return how the client of one version did."""
    given = {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_TRACKING_TOKEN": key,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    ended = subprocess.run(
        [python, CLIENT, *cases],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    score = Score(f"{NAME}, {version}")
    try:
        told = json.loads(ended.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        score.wrong.append(f"it ended with {ended.returncode}: {ended.stderr[-2_000:]}")
        return score
    score.passed = told["passed"]
    for name, trace in told["failed"].items():
        score.wrong.append(f"{name}: {trace[-600:]}")
    return score


def main():
    """Print what the clients say; exit 1 if a case failed."""
    words = argparse.ArgumentParser(prog="tests.conformance.tracking")
    words.add_argument("--kept", type=Path, default=Path("build/mlflow"))
    words.add_argument("cases", nargs="*")
    chosen = words.parse_args()
    chosen.kept.mkdir(parents=True, exist_ok=True)
    failed = False
    for score in scores(chosen.kept.resolve(), chosen.cases):
        print(f"{score.name}: {score.passed} passed, {len(score.wrong)} failed")
        for each in score.wrong:
            print(f"  fail: {each}")
        failed = failed or bool(score.wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
