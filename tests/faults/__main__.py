"""`make faults`: print the scorecard; exit 1 if anything failed."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from roadbed.testing.upstream import BEHAVIOURS
from tests.faults import scorecard
from tests.faults.run import cases, run
from tests.faults.wall import gaps


def main():
    words = argparse.ArgumentParser(prog="make faults", description=__doc__)
    words.add_argument("--output", choices=["table", "json", "markdown"])
    words.add_argument("--only", nargs="*", help="these faults", choices=BEHAVIOURS)
    asked = words.parse_args()
    faults = tuple(asked.only or BEHAVIOURS)
    notes = Console(stderr=True)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="roadbed-faults-") as folder,
        Progress(console=notes, transient=True) as bar,
    ):
        task = bar.add_task("asking", total=len(cases(faults)))
        results, complaints = run(Path(folder), faults, lambda: bar.advance(task))
    show(asked.output, results, complaints)
    for result in results:
        if result.verdict != "pass":
            manner = "stream" if result.stream else "whole"
            who = f"{result.provider} < {result.caller}, {manner}"
            what = f"{result.fault} ({who})"
            notes.print(f"{result.verdict}  {what}: {result.why}", markup=False)
    for complaint in complaints:
        notes.print(f"the server complained: {complaint}", markup=False)
    for gap in gaps():
        notes.print(f"gap   {gap} is not here yet")
    counted = scorecard.totals(results)
    took_s = time.monotonic() - begun
    notes.print(f"{len(results)} calls in {took_s:.0f} s: {counted}")
    sys.exit(1 if counted["fail"] or complaints else 0)


def show(output, results, complaints):
    if output == "json":
        sys.stdout.write(f"{scorecard.as_json(results, complaints)}\n")
    elif output == "markdown":
        sys.stdout.write(f"{scorecard.as_markdown(results)}\n")
    else:
        Console(width=max(100, 16 * len(scorecard.columns(results)) + 24)).print(
            scorecard.as_table(results)
        )


if __name__ == "__main__":
    main()
