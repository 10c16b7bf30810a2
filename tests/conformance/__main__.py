"""`make conformance`: print what the examiners say; exit 1 if any is surprised."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conformance import tracking
from tests.conformance.archive import Missing, fetch
from tests.conformance.examine import Score, examine, examined, ours
from tests.conformance.suites import OURS, SUITES


def main():
    words = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    words.add_argument("--sources", type=Path, help="keep the archives in this folder")
    kept = words.parse_args().sources
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="roadbed-conformance-") as name:
        folder = Path(name)
        scores = foreign(folder, kept or folder, console)
    for title, files in OURS.items():
        console.print(f"running {title}")
        scores.append(ours(title, files))
    for score in tracking.scores(folder):
        console.print(f"ran {score.name}")
        scores.append(score)
    console.print(table(scores))
    for score in scores:
        for reason, count in score.expected.items():
            console.print(f"excluded  {count} of {score.name}: {reason}")
        for test in score.wrong:
            console.print(f"fail  {score.name}: {test}", markup=False)
        if score.gap:
            console.print(f"gap   {score.name}: {score.gap}")
    sys.exit(any(score.wrong for score in scores))


def foreign(folder, kept, console):
    """Return the scores of the clients' own suites."""
    todo, scores, sources = [], [], {}
    for suite in SUITES:
        missing = ", ".join(suite.missing())
        if missing:
            scores.append(Score(suite.name, gap=f"{missing} is not here yet"))
            continue
        todo.append(suite)
    for package in dict.fromkeys(suite.package for suite in todo):
        console.print(f"fetching the sources of {package}; this may take minutes")
        try:
            sources[package] = fetch(package, kept, folder)
        except Missing as error:
            sources[package] = error
    with examined(folder / "line") as url:
        for suite in todo:
            found = sources[suite.package]
            if isinstance(found, Missing):
                scores.append(Score(suite.name, gap=str(found)))
                continue
            console.print(f"running {suite.name}")
            scores.append(examine(suite, found, url))
    return scores


def table(scores):
    shown = Table("examiner", "passed", "excluded", "failed", "verdict")
    for score in scores:
        verdict = "gap" if score.gap else "fail" if score.wrong else "pass"
        colour = {"gap": "dim", "fail": "bold red", "pass": "green"}[verdict]
        shown.add_row(
            score.name,
            str(score.passed),
            str(sum(score.expected.values())),
            str(len(score.wrong)),
            f"[{colour}]{verdict}[/]",
        )
    return shown


if __name__ == "__main__":
    main()
